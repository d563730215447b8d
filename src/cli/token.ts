import { Effect, FileSystem, Option, Redacted } from "effect"
import { UsageError } from "./usage.ts"

/** The bearer token in a file: one word of visible ASCII, at least 16 characters; white space around it does not count. */
export const readToken = Effect.fnUntraced(function* (file: Option.Option<string>) {
  if (Option.isNone(file)) return Option.none<Redacted.Redacted>()
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(file.value),
    (error) => new UsageError({ message: `cannot read --token-file ${file.value}: ${error.reason._tag}` })
  )
  const token = text.trim()
  if (!/^[\x21-\x7e]{16,4096}$/.test(token)) {
    return yield* new UsageError({
      message: `--token-file ${file.value} holds no token: at least 16 visible characters on one line`
    })
  }
  return Option.some(Redacted.make(token))
})
