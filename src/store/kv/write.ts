import { Clock, Deferred, Effect, Option, Random } from "effect"
import type { Duration } from "effect"
import { KafkaError } from "../../kafka/errors.ts"
import type { Producer } from "../../kafka/kafka.ts"
import { partitionFor } from "../../kafka/partitioner.ts"
import { noHeaders } from "../../kafka/records.ts"
import type { ProducerRecord } from "../../kafka/records.ts"
import { KvConflict, KvUnknown } from "./errors.ts"
import type { Pending } from "./pending.ts"
import type { Command, KvTopics } from "./topics.ts"

/** How to write. */
export interface KvWrite {
  /** Only if the key is at this version, or has no value. Default: whatever is there. */
  readonly ifVersion?: number | "absent"
  /** Of an earlier attempt that ended `KvUnknown`: both together take effect once. Up to 128 characters. */
  readonly requestId?: string
}

/** What a write is made of: a value, or none (a delete). */
export type Wanted<V> = { readonly value: V } | { readonly value?: never }

/** What writing needs of its store. */
export interface Surroundings<V> {
  readonly producer: Producer
  readonly commands: KvTopics<V>["commands"]
  readonly pending: Pending
  /** What this process has of a key; version 0 where that is nothing. */
  readonly seen: (key: string) => { readonly version: number; readonly absent: boolean }
  readonly timeout: Duration.Input
}

/** Left for what a command adds to its value, and for what settling it adds: a value that passes here fits wherever it goes. */
const largest = 1_048_588 - 4_096

/** Sends a command and waits until its result, and the value it speaks of, are here. Answers the version. */
export const write = Effect.fnUntraced(function* <V>(
  { commands, pending, producer, seen, timeout }: Surroundings<V>,
  key: string,
  wanted: Wanted<V>,
  { ifVersion, requestId }: KvWrite = {}
): Effect.fn.Return<number, KvConflict | KvUnknown | KafkaError> {
  const id = requestId ?? (yield* newRequestId)
  const expected = ifVersion === undefined ? {} : { expected: ifVersion === "absent" ? null : ifVersion }
  const record = yield* commandRecord(commands, key, { requestId: id, ...expected, ...wanted })
  const { absent, version } = seen(key)
  // Before it is sent: the result may be here before the send is answered.
  const waiting = pending.add(id, key, version, absent)
  const done = yield* producer.send([record]).pipe(
    Effect.andThen(Deferred.await(waiting.done)),
    Effect.catchIf(isUnclear, () => Effect.undefined),
    Effect.timeoutOption(timeout),
    Effect.ensuring(Effect.sync(() => pending.remove(waiting)))
  )
  const outcome = Option.getOrUndefined(done) ?? waiting.outcome
  if (outcome !== undefined && "conflict" in outcome) {
    return yield* new KvConflict({ key, current: Option.fromNullOr(outcome.conflict) })
  }
  // A version that is known but not here yet is not read-your-writes.
  if (outcome === undefined || Option.isNone(done)) return yield* new KvUnknown({ key, requestId: id })
  return outcome.version
})

const commandRecord = Effect.fnUntraced(function* <V>(
  { codec, name, spec }: KvTopics<V>["commands"],
  key: string,
  command: Command<V>
): Effect.fn.Return<ProducerRecord, KafkaError> {
  const bytes = codec.encodeKey(key)
  const value = codec.encodeValue(command)
  const size = bytes.length + (value?.length ?? 0)
  if (size > largest) {
    const message = `a command of ${size} bytes for ${name}, whose limit is ${largest}`
    return yield* new KafkaError({ reason: "RecordTooLarge", message, topic: name })
  }
  return {
    topic: name,
    partition: partitionFor(bytes, spec.partitions),
    key: bytes,
    value,
    headers: noHeaders,
    timestamp: yield* Clock.currentTimeMillis
  }
})

/** The record may be in the log all the same. */
const isUnclear = ({ reason }: KafkaError): boolean => reason === "Unavailable" || reason === "Closed"

const hex = (word: number): string => word.toString(16).padStart(8, "0")

/** 128 random bits. */
const newRequestId = Effect.map(
  Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 0xffff_ffff))),
  (words) => words.map(hex).join("")
)
