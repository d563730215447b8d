import { Result, Schema } from "effect"
import { Buffer } from "node:buffer"
import { jsonText } from "../actor/topic.ts"
import * as Utf8 from "../actor/utf8.ts"
import type { Header } from "../kafka/records.ts"
import * as Headers from "./headers.ts"

/**
 * The entries of an actor's changelog. An entry's key is
 *
 *     kind (1 byte) · length of the actor key (4 bytes, big endian) · actor key (UTF-8) · rest
 *
 * so no key can be read as another's. Its partition is the inbox record's, never a hash of these bytes.
 *
 * | kind | rest | value |
 * | --- | --- | --- |
 * | state | – | the state's JSON |
 * | timer | name (UTF-8) | `Timer` as JSON |
 * | parked | inbox offset (8 bytes) | head (JSON, length-prefixed), the message's headers (`Headers.encode`) and its own bytes |
 * | wait | – | `Wait` as JSON: why the key's first parked message waits |
 * | pause | – | `Pause` as JSON: an operator has paused the key |
 * | position | – (the actor key is empty) | `Position` as JSON |
 * | barrier | – (the actor key is empty) | none: a tombstone. Who takes the partition over writes it, to know how far the log goes |
 * | letter | dead letter's offset (8 bytes; the actor key is empty), or none | `LetterDone` as JSON; without an offset `Floor` |
 */
export const kinds = { state: 1, timer: 2, parked: 3, wait: 4, position: 5, pause: 6, letter: 7, barrier: 8 } as const
type Kind = (typeof kinds)[keyof typeof kinds]

const none = new Uint8Array(0)

const entryKey = (kind: Kind, actorKey: string, rest: Uint8Array = none): Uint8Array => {
  const length = Buffer.byteLength(actorKey)
  const bytes = Buffer.allocUnsafe(5 + length + rest.length)
  bytes[0] = kind
  bytes.writeUInt32BE(length, 1)
  bytes.write(actorKey, 5, "utf8")
  bytes.set(rest, 5 + length)
  return bytes
}

export const stateKey = (key: string) => entryKey(kinds.state, key)
export const timerKey = (key: string, name: string) => entryKey(kinds.timer, key, Buffer.from(name, "utf8"))
export const pauseKey = (key: string) => entryKey(kinds.pause, key)
export const waitKey = (key: string) => entryKey(kinds.wait, key)
export const positionKey = entryKey(kinds.position, "")
export const barrierKey = entryKey(kinds.barrier, "")
export const floorKey = entryKey(kinds.letter, "")

const offsetBytes = (offset: number): Uint8Array => {
  const rest = new Uint8Array(8)
  new DataView(rest.buffer).setBigUint64(0, BigInt(offset))
  return rest
}
export const parkedKey = (key: string, offset: number) => entryKey(kinds.parked, key, offsetBytes(offset))
export const letterKey = (offset: number) => entryKey(kinds.letter, "", offsetBytes(offset))

/** A recurrence as stored: plain numbers (milliseconds since the epoch) and strings. */
export const StoredWhen = Schema.Struct({
  at: Schema.optionalKey(Schema.Finite),
  every: Schema.optionalKey(Schema.Finite),
  months: Schema.optionalKey(Schema.Finite),
  cron: Schema.optionalKey(Schema.String),
  from: Schema.optionalKey(Schema.Finite),
  timezone: Schema.optionalKey(Schema.String),
  missed: Schema.optionalKey(Schema.Literals(["all", "skip"]))
})
export type StoredWhen = typeof StoredWhen.Type

/** `retryAt` of a timer that waits for an operator: it never comes due by itself. */
export const held = Number.MAX_SAFE_INTEGER

/** A durable timer. `due` names it (its idempotency key); `retryAt` is when a failed attempt is tried again, or `held`; `hold` is why. */
export const Timer = Schema.Struct({
  due: Schema.Finite,
  when: StoredWhen,
  attempt: Schema.Finite,
  retryAt: Schema.optionalKey(Schema.Finite),
  hold: Schema.optionalKey(Schema.Struct({ cause: Schema.String, since: Schema.Finite }))
})
export type Timer = typeof Timer.Type

/** Why a key's first parked message waits: for a time, or (held) for an operator. */
export const Wait = Schema.Struct({
  attempt: Schema.Finite,
  cause: Schema.String,
  since: Schema.Finite,
  until: Schema.optionalKey(Schema.Finite)
})
export type Wait = typeof Wait.Type

/** Since when a key is paused. */
export const Pause = Schema.Struct({ since: Schema.Finite })
export type Pause = typeof Pause.Type

/** How far a partition is settled; the offsets topic says the same unless it expired or was reset by hand. */
export const Position = Schema.Struct({ topicId: Schema.String, next: Schema.Finite, settle: Schema.Finite })
export type Position = typeof Position.Type

/** What an operator has done with a dead letter, and when. */
export const LetterDone = Schema.Struct({ op: Schema.Literals(["replay", "discard"]), at: Schema.Finite })
export type LetterDone = typeof LetterDone.Type

/** Dead letters at or below this offset are done with: single ones are remembered no more. */
export const Floor = Schema.Struct({ floor: Schema.Finite })

/** What a replayed dead letter was: its first idempotency key, where it came from, and how often it has been replayed. */
export const Origin = Schema.Struct({
  id: Schema.String,
  replays: Schema.Finite,
  source: Schema.Union([
    Schema.Struct({ topic: Schema.String, partition: Schema.Finite, offset: Schema.Finite }),
    Schema.Struct({ timer: Schema.String, due: Schema.Finite })
  ])
})
export type Origin = typeof Origin.Type

const ParkedHead = Schema.Struct({
  timestamp: Schema.Finite,
  tombstone: Schema.Boolean,
  origin: Schema.optionalKey(Origin),
  /** Length of what follows. */
  headerBytes: Schema.optionalKey(Schema.Finite),
  /** As earlier programs wrote them. */
  headers: Schema.optionalKey(Schema.Array(Schema.Tuple([Schema.String, Schema.Uint8ArrayFromBase64])))
})

const json = <T>(schema: Schema.Codec<T, any, never, never>) => {
  const codec = jsonText(schema)
  return {
    encode: (value: T): Uint8Array => Buffer.from(codec.encode(value), "utf8"),
    // What we wrote ourselves and cannot read is a defect: the changelog is damaged, or newer than this program.
    decode: (bytes: Uint8Array): T => Result.getOrThrow(codec.decode(Utf8.decode(bytes)))
  }
}

export const timerValue = json(Timer)
export const waitValue = json(Wait)
export const pauseValue = json(Pause)
export const positionValue = json(Position)
export const letterValue = json(LetterDone)
export const floorValue = json(Floor)
const parkedHead = json(ParkedHead)

/** A message as it lies in the inbox, less its key. */
export interface StoredMessage {
  readonly offset: number
  readonly timestamp: number
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<Header>
  /** Where it is a replayed dead letter. */
  readonly origin?: Origin | undefined
}

export const parkedValue = (message: StoredMessage): Uint8Array => {
  const headers = message.headers.length === 0 ? none : Headers.encode(message.headers)
  const head = parkedHead.encode({
    timestamp: message.timestamp,
    tombstone: message.value === null,
    headerBytes: headers.length,
    ...(message.origin === undefined ? {} : { origin: message.origin })
  })
  const value = message.value ?? none
  const bytes = new Uint8Array(4 + head.length + headers.length + value.length)
  new DataView(bytes.buffer).setUint32(0, head.length)
  bytes.set(head, 4)
  bytes.set(headers, 4 + head.length)
  bytes.set(value, 4 + head.length + headers.length)
  return bytes
}

export const decodeParked = (offset: number, bytes: Uint8Array): StoredMessage => {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const head = parkedHead.decode(bytes.subarray(4, 4 + length))
  const end = 4 + length + (head.headerBytes ?? 0)
  return {
    offset,
    timestamp: head.timestamp,
    value: head.tombstone ? null : bytes.subarray(end),
    headers: head.headers ?? Headers.decode(bytes.subarray(4 + length, end)),
    ...(head.origin === undefined ? {} : { origin: head.origin })
  }
}

/** A changed entry of the changelog; a null value deletes it. */
export type EntryChange = readonly [key: Uint8Array, value: Uint8Array | null]

/** An entry's key, taken apart. */
export interface EntryKey {
  readonly kind: number
  readonly key: string
  readonly rest: Uint8Array
}

/** Reads the key of a changelog record. */
export const decodeEntryKey = (bytes: Uint8Array): EntryKey => {
  const end = 5 + ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!)
  if (!(end >= 5 && end <= bytes.length)) throw new RangeError("a changelog entry's key is damaged")
  const rest = end === bytes.length ? none : bytes.subarray(end)
  return { kind: bytes[0]!, key: Utf8.decode(bytes.subarray(5, end)), rest }
}

export const timerName = (entry: EntryKey): string => Utf8.decode(entry.rest)

/** The inbox offset a parked message had (its place in its key's order), or the dead letter's. */
export const entryOffset = (entry: EntryKey): number =>
  Number(new DataView(entry.rest.buffer, entry.rest.byteOffset, 8).getBigUint64(0))
