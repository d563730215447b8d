import { Clock, Effect } from "effect"
import type { AnyActor } from "../actor/actor.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import { commandHeaders, encodeCommand } from "../runtime/control.ts"
import type { Command } from "../runtime/control.ts"

/** Commands keys through the log, so that it does not matter which process runs the actor. */
export interface Operator {
  /** Waits until the command is in the log; the key's owner obeys it in its turn. `key` as text, as it is in the record. */
  command(actor: AnyActor, key: string, command: Command): Effect.Effect<void, KafkaError>
}

const utf8 = new TextEncoder()

export const make = Effect.gen(function* () {
  const producer = yield* (yield* Kafka).producer
  const operator: Operator = {
    command: Effect.fnUntraced(function* ({ definition, name }, key, command) {
      const { partitions, name: topic } = definition.inbox.spec
      const bytes = utf8.encode(key)
      yield* producer.send([
        {
          topic,
          partition: partitionFor(bytes, partitions),
          key: bytes,
          value: encodeCommand(command),
          headers: commandHeaders(name),
          timestamp: yield* Clock.currentTimeMillis
        }
      ])
    })
  }
  return operator
})
