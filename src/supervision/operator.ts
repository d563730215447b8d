import { Clock, Effect, Result, Schema } from "effect"
import type { AnyActor } from "../actor/actor.ts"
import { printable } from "../actor/printable.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import type { ProducerRecord } from "../kafka/records.ts"
import { commandHeaders, encodeCommand } from "../runtime/control.ts"
import type { Command, KeyCommand } from "../runtime/control.ts"

/** No message of this actor can have such a key: the inbox's key schema refuses it. */
export class KeyRefused extends Schema.TaggedError<KeyRefused>()("KeyRefused", { message: Schema.String }) {}

/** A command and where its key lives. */
export interface Addressed {
  readonly partition: number
  readonly key: Uint8Array | null
  readonly command: Command
}

/** Commands keys through the log, so that it does not matter which process runs the actor. */
export interface Operator {
  /** Waits until the command is in the log; the key's owner obeys it in its turn. `key` as text, as it is in the record. */
  command(actor: AnyActor, key: string, command: KeyCommand): Effect.Effect<void, KafkaError | KeyRefused>
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
      const { codec, spec } = actor.definition.inbox
      // Its owner would pass it over: a key that cannot be read has nothing to command.
      const known = codec.keyFrom(name)
      if (Result.isFailure(known)) return Effect.fail(new KeyRefused({ message: printable(known.failure.message) }))
      const key = utf8.encode(name)
      return send(actor, [{ partition: partitionFor(key, spec.partitions), key, command }])
    }
  }
  return operator
})
