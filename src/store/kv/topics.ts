import { Result, Schema } from "effect"
import { Topic, UndecodableError } from "../../actor/topic.ts"
import type { Plain } from "../../actor/topic.ts"
import type { Header } from "../../kafka/records.ts"

/** Counts the accepted writes of a key, from 1; it goes on counting over a delete. */
export const Version = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** Told apart by their writer; bounded, because the single writer remembers them. */
const RequestId = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(128))

/** A write that somebody wants. `expected`: only at this version (null: only where there is no value). No `value`: delete. */
export interface Command<V> {
  readonly requestId: string
  readonly expected?: number | null
  readonly value?: V
}

/** What became of a write: the version it made, or the version that was in its way (null: there was no value). */
export type Outcome = { readonly version: number } | { readonly conflict: number | null }
export type Answer = { readonly requestId: string } & Outcome

/** A record of the store itself: a key's value at a version. No `value`: a tombstone. */
export interface Stored<V> {
  readonly version: number
  readonly value?: V
}

/** The header of a store's record that holds the version, in decimal digits: a tombstone has no other place for it. */
const versionHeader = "sixfold-version"

const utf8 = new TextEncoder()

const versionIn = (headers: ReadonlyArray<Header>): number | undefined => {
  let digits: Uint8Array | undefined
  for (const header of headers) {
    if (header[0] !== versionHeader) continue
    digits = header[1]
    break
  }
  if (digits === undefined || digits.length === 0 || digits.length > 15) return undefined
  let version = 0
  for (const digit of digits) {
    if (digit < 48 || digit > 57) return undefined
    version = version * 10 + digit - 48
  }
  return version
}

/** The three topics of a store. Their records: see `Command`, `Answer` and `Stored`. */
export interface KvTopics<V> {
  /** `<name>`, compacted. Only the store's writer writes it. */
  readonly values: Topic<string, Stored<V>>
  /** `<name>.commands`, by key. Anybody may write it. */
  readonly commands: Topic<string, Command<V>>
  /** `<name>.results`, by request id, kept for an hour. */
  readonly results: Topic<string, Answer>
}

export const kvTopics = <V>(
  name: string,
  options: { readonly value: Plain<V>; readonly partitions?: number }
): KvTopics<V> => {
  const shape = options.partitions === undefined ? {} : { partitions: options.partitions }
  return {
    values: valuesTopic(name, options.value, shape),
    commands: Topic.make(`${name}.commands`, {
      ...shape,
      value: Schema.Struct({
        requestId: RequestId,
        expected: Schema.optionalKey(Schema.NullOr(Version)),
        value: Schema.optionalKey(options.value)
      }) as Plain<Command<V>>
    }),
    results: Topic.make(`${name}.results`, {
      ...shape,
      value: Schema.Union([
        Schema.Struct({ requestId: RequestId, version: Schema.Int }),
        Schema.Struct({ requestId: RequestId, conflict: Schema.NullOr(Version) })
      ]),
      cleanup: "1 hour"
    })
  }
}

const valuesTopic = <V>(
  name: string,
  value: Plain<V>,
  shape: { readonly partitions?: number }
): Topic<string, Stored<V>> => {
  const plain = Topic.make(name, { ...shape, value, cleanup: "compact" })
  const schema = Schema.Struct({ version: Version, value: Schema.optionalKey(value) }) as Plain<Stored<V>>
  const codec: Topic<string, Stored<V>>["codec"] = {
    ...plain.codec,
    encodeValue: (stored) => (hasValue(stored) ? plain.codec.encodeValue(stored.value) : null),
    headersOf: ({ version }) => [[versionHeader, utf8.encode(String(version))]],
    decodeValue: (bytes, headers = []) => {
      const version = versionIn(headers)
      if (version === undefined) return Result.fail(new UndecodableError({ message: `no valid ${versionHeader}` }))
      if (bytes === null) return Result.succeed({ version })
      const decoded = plain.codec.decodeValue(bytes)
      return Result.isSuccess(decoded)
        ? Result.succeed({ version, value: decoded.success })
        : Result.fail(decoded.failure)
    }
  }
  return { ...plain, value: schema, codec } as unknown as Topic<string, Stored<V>>
}

/** Whether it is no tombstone. The value itself may be null: any JSON is a value. */
export const hasValue = <V>(of: { readonly value?: V }): of is { readonly value: V } => "value" in of
