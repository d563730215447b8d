import { Duration, Result, Schema, SchemaAST } from "effect"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import type { TopicSpec } from "../kafka/kafka.ts"
import type { Header } from "../kafka/records.ts"
import * as Utf8 from "./utf8.ts"

/** A schema that needs no services: it runs on the hot path, and in a test without a runtime. */
export type Plain<T> = Schema.Codec<T, any, never, never>

/** Why bytes were not a message: for the dead letter's error, and for people. */
export class UndecodableError extends Schema.TaggedError<UndecodableError>()("Undecodable", {
  message: Schema.String
}) {}

/** How a topic's keys and values become bytes: UTF-8 keys, JSON values. */
export interface TopicCodec<K, V> {
  encodeKey(key: K): Uint8Array
  decodeKey(bytes: Uint8Array | null): Result.Result<K, UndecodableError>
  /** The same from the key's text, where that is at hand. */
  keyFrom(text: string): Result.Result<K, UndecodableError>
  /** Null: a tombstone. */
  encodeValue(value: V): Uint8Array | null
  /** `headers` are the record's, for topics that keep a part of the value there. */
  decodeValue(bytes: Uint8Array | null, headers?: ReadonlyArray<Header>): Result.Result<V, UndecodableError>
  /** The part of a value that is not in its bytes. Default: none. */
  headersOf?(value: V): ReadonlyArray<Header>
}

/**
 * A topic as its users declare it: a name, a key schema and a value schema. A record's key is the key's encoded string in
 * UTF-8, its value the JSON of the schema's JSON codec.
 */
export interface Topic<in out K, in out V> {
  readonly name: string
  readonly value: Plain<V>
  /** Partitions, clean-up and limits, as the broker is asked for them. */
  readonly spec: TopicSpec
  readonly codec: TopicCodec<K, V>
  readonly "~value": V
  readonly "~key": K
}

/** A topic of whatever types: what a list of topics holds. */
export interface AnyTopic extends Topic<any, any> {}

/** Options shared by all topics. */
export interface TopicOptions {
  /** Default 12. It cannot change later: the state of a key lives in the partition of the key. */
  readonly partitions?: number
  /** "compact", or how long a record is kept. Default 7 days. */
  readonly cleanup?: "compact" | Duration.Input
  /** Largest record batch in bytes. Default: the broker's (1 MiB). */
  readonly maxMessageBytes?: number
}

const undecodable = (what: string, cause: unknown): UndecodableError =>
  new UndecodableError({ message: `${what}: ${cause instanceof Error ? cause.message : String(cause)}` })

/** What is thrown on the way is a failure, too: not UTF-8, not JSON, a function of the schema's own. */
const attempted =
  <I, T>(what: string, decode: (input: I) => Result.Result<T, unknown>) =>
  (input: I): Result.Result<T, UndecodableError> => {
    try {
      const decoded = decode(input)
      return Result.isSuccess(decoded)
        ? (decoded as Result.Success<T, never>)
        : Result.fail(undecodable(what, decoded.failure))
    } catch (cause) {
      return Result.fail(undecodable(what, cause))
    }
  }

const decoder = <T>(what: string, decode: (text: string) => Result.Result<T, unknown>) => {
  const read = attempted(what, (bytes: Uint8Array) => decode(Utf8.decode(bytes)))
  return (bytes: Uint8Array | null) => (bytes === null ? Result.fail(undecodable(what, "null")) : read(bytes))
}

/**
 * The JSON codec of a schema as two plain functions over text; encoding a value that breaks its schema throws. The schema is
 * compiled to code of its own: three to five times as fast for a struct of six fields. Where code cannot be made at run time, and for
 * what is invalid, the interpreter does the same.
 */
export const jsonText = <T>(schema: Plain<T>) => {
  const codec = Schema.toCodecJson(schema)
  SchemaJITCompiler.enable(codec.ast)
  SchemaJITCompiler.enable(SchemaAST.flip(codec.ast))
  const decode = Schema.decodeUnknownResult(codec)
  const encode = Schema.encodeSync(codec)
  return {
    encode: (value: T): string => JSON.stringify(encode(value)),
    decode: (json: string): Result.Result<T, unknown> => decode(JSON.parse(json))
  }
}

const specOf = (name: string, options: TopicOptions): TopicSpec => {
  const shape = { name, partitions: options.partitions ?? 12 }
  const limits = options.maxMessageBytes === undefined ? {} : { maxMessageBytes: options.maxMessageBytes }
  return options.cleanup === "compact"
    ? { ...shape, ...limits, cleanup: "compact" }
    : { ...shape, ...limits, cleanup: "delete", retention: Duration.toMillis(options.cleanup ?? "7 days") }
}

const topic = <K, V>(options: TopicOptions, name: string, value: Plain<V>, codec: TopicCodec<K, V>): Topic<K, V> =>
  ({ name, value, spec: specOf(name, options), codec }) as Topic<K, V>

type KeyCodec<K> = Pick<TopicCodec<K, never>, "encodeKey" | "decodeKey" | "keyFrom">

const keyCodec = <K>(schema: Schema.Codec<K, string, never, never>): KeyCodec<K> => {
  const encode = Schema.encodeSync(schema)
  const decode = Schema.decodeUnknownResult(schema)
  return {
    encodeKey: (key) => Utf8.encode(encode(key)),
    decodeKey: decoder("key", decode),
    keyFrom: attempted("key", decode)
  }
}
/** Any text is a key: there is nothing to check. */
const stringKey: KeyCodec<string> = {
  encodeKey: Utf8.encode,
  decodeKey: decoder("key", Result.succeed),
  keyFrom: Result.succeed
}

interface Make {
  <V>(name: string, options: TopicOptions & { readonly value: Plain<V> }): Topic<string, V>
  <K, V>(
    name: string,
    options: TopicOptions & { readonly key: Schema.Codec<K, string, never, never>; readonly value: Plain<V> }
  ): Topic<K, V>
}

/**
 * Declares a topic of JSON values. Keys are strings unless `key` gives a schema that encodes to one.
 *
 * @example
 * const subscriptions = Topic.make("subscriptions", { value: Schema.Struct({ plan: Schema.String }) })
 */
const make = ((
  name: string,
  options: TopicOptions & { readonly key?: Schema.Codec<unknown, string, never, never>; readonly value: Plain<unknown> }
) => {
  const json = jsonText(options.value)
  return topic(options, name, options.value, {
    ...(options.key === undefined ? stringKey : keyCodec(options.key)),
    encodeValue: (value) => Utf8.encode(json.encode(value)),
    decodeValue: decoder("value", json.decode)
  })
}) as Make

/** Declares a topic whose values are bytes as they are (an upload's parts): no codec, string keys. */
const bytes = (name: string, options: TopicOptions = {}): Topic<string, Uint8Array> =>
  topic(options, name, Schema.Uint8Array, {
    ...stringKey,
    encodeValue: (value) => value,
    decodeValue: (value) => (value === null ? Result.fail(undecodable("value", "null")) : Result.succeed(value))
  })

/**
 * - `make(name, { value, key?, partitions?, cleanup?, maxMessageBytes? })`: a topic of JSON values; keys are strings unless `key` gives a
 *   schema that encodes to one.
 * - `bytes(name, options)`: a topic whose values are bytes as they are.
 *
 * @example
 * const subscriptions = Topic.make("subscriptions", { value: Schema.Struct({ plan: Schema.String }) })
 */
export const Topic = { make, bytes }
