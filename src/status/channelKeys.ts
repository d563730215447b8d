import { Context, Effect, FileSystem, Layer, Path, Schema } from "effect"
import type { PlatformError } from "effect"
import { SecureRandom } from "effect/crypto"

/** The key that ids, tokens and cursors are signed with cannot be had. */
export class ChannelKeyError extends Schema.TaggedError<ChannelKeyError>()("ChannelKeyError", {
  message: Schema.String
}) {}

/** 256 bits. */
const keyBytes = 32

const invalid = (path: string, what: string) => new ChannelKeyError({ message: `${path}: ${what}` })

const unreadable = (path: string) => (error: PlatformError.PlatformError) =>
  invalid(path, `cannot be used: ${error.reason._tag}`)

/** One or two lines, each a key of at least 32 bytes in base64url or base64; empty lines and those that begin with # are skipped. */
const parseKeys = (path: string, text: string): Effect.Effect<ReadonlyArray<Uint8Array>, ChannelKeyError> => {
  const lines = text.split("\n").map((line) => line.trim())
  const given = lines.filter((line) => line !== "" && !line.startsWith("#"))
  if (given.length === 0 || given.length > 2)
    return Effect.fail(invalid(path, "must hold one key, or two while rotating"))
  if (given.some((line) => !/^[A-Za-z0-9_+/-]+=*$/.test(line)))
    return Effect.fail(invalid(path, "keys must be base64url"))
  const keys = given.map((line) => new Uint8Array(Buffer.from(line, "base64url")))
  return keys.some((key) => key.length < keyBytes)
    ? Effect.fail(invalid(path, `a key must have at least ${keyBytes} bytes`))
    : Effect.succeed(keys)
}

/** The keys of this topology, the same in all its processes. */
export class ChannelKeys extends Context.Service<
  ChannelKeys,
  {
    /** Signs. */
    readonly current: Uint8Array
    /** All that are accepted: the current one and, while rotating, the one before. */
    readonly accepted: ReadonlyArray<Uint8Array>
  }
>()("sixfold/status/ChannelKeys") {
  /** From a file the operator gives: the first key signs, both are accepted. */
  static layerFile(path: string): Layer.Layer<ChannelKeys, ChannelKeyError, FileSystem.FileSystem> {
    return Layer.effect(ChannelKeys, readKeys(path))
  }

  /** From `channel.key` in the directory, which is made at the first start, readable by its owner only. */
  static layerData(directory: string): Layer.Layer<ChannelKeys, ChannelKeyError, FileSystem.FileSystem | Path.Path> {
    return Layer.effect(
      ChannelKeys,
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = (yield* Path.Path).join(directory, "channel.key")
        const exists = yield* Effect.mapError(fs.exists(path), unreadable(path))
        if (!exists) yield* writeKey(path)
        return yield* readKeys(path)
      })
    )
  }

  /** A key that nobody keeps: channels end with the process. */
  static readonly layerRandom: Layer.Layer<ChannelKeys> = Layer.effect(
    ChannelKeys,
    Effect.map(randomKey(), (key) => ({ current: key, accepted: [key] }))
  )
}

function randomKey(): Effect.Effect<Uint8Array> {
  return Effect.provide(
    SecureRandom.SecureRandom.use((random) => random.randomBytes(keyBytes)),
    SecureRandom.layerWebCrypto
  )
}

const readKeys = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(fs.readFileString(path), unreadable(path))
  const accepted = yield* parseKeys(path, text)
  return { current: accepted[0]!, accepted }
})

/** Written aside and renamed: a crash leaves a whole key or none. */
const writeKey = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = `${Buffer.from(yield* randomKey()).toString("base64url")}\n`
  const aside = `${path}.new`
  const written = Effect.andThen(fs.writeFileString(aside, text, { mode: 0o600 }), fs.rename(aside, path))
  yield* Effect.mapError(written, unreadable(path))
})
