import { Clock, Effect } from "effect"
import type { AnyActor } from "../actor/actor.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import type { ProducerRecord } from "../kafka/records.ts"
import { commandHeaders, encodeCommand } from "../runtime/control.ts"
import type { Command, KeyCommand } from "../runtime/control.ts"

/** A command and where its key lives. */
export interface Addressed {
  readonly partition: number
  readonly key: Uint8Array | null
  readonly command: Command
}

/** Commands keys through the log, so that it does not matter which process runs the actor. */
export interface Operator {
  /** Waits until the command is in the log; the key's owner obeys it in its turn. `key` as text, as it is in the record. */
  command(actor: AnyActor, key: string, command: KeyCommand): Effect.Effect<void, KafkaError>
  send(actor: AnyActor, commands: ReadonlyArray<Addressed>): Effect.Effect<void, KafkaError>
  /** What no actor has to obey. */
  write(records: ReadonlyArray<ProducerRecord>): Effect.Effect<void, KafkaError>
}

const utf8 = new TextEncoder()

export const make = Effect.gen(function* () {
  const producer = yield* (yield* Kafka).producer
  const send: Operator["send"] = Effect.fnUntraced(function* ({ definition, name }, commands) {
    if (commands.length === 0) return
    const timestamp = yield* Clock.currentTimeMillis
    yield* producer.send(
      commands.map(({ command, key, partition }) => ({
        topic: definition.inbox.spec.name,
        partition,
        key,
        value: encodeCommand(command),
        headers: commandHeaders(name),
        timestamp
      }))
    )
  })
  const operator: Operator = {
    send,
    write: (records) => Effect.asVoid(producer.send(records)),
    command: (actor, name, command) => {
      const key = utf8.encode(name)
      return send(actor, [{ partition: partitionFor(key, actor.definition.inbox.spec.partitions), key, command }])
    }
  }
  return operator
})
