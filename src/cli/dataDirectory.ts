import { Effect, FileSystem, Option, Path, Random, Schema } from "effect"
import type { PlatformError } from "effect"
import { UsageError } from "./usage.ts"

/** What marks a directory as ours. `instance` is the name of the process that lives there. */
const Marker = Schema.Struct({ format: Schema.Int, instance: Schema.String })
const MarkerJson = Schema.fromJsonString(Marker)

const markerFile = "sixfold.json"
const format = 1

/** The directory of one process: the embedded broker's files, the SQLite database, keys, and the process's name. */
export interface DataDirectory {
  readonly path: string
  readonly instance: string
}

const unusable = (path: string, why: string) => new UsageError({ message: `cannot use --data ${path}: ${why}` })

const why = { AlreadyExists: "it is a file", PermissionDenied: "this user may not write there" }

const told = (path: string) => (error: PlatformError.PlatformError) => {
  const { _tag } = error.reason
  return unusable(path, _tag === "AlreadyExists" || _tag === "PermissionDenied" ? why[_tag] : _tag)
}

const name = Effect.map(Random.nextIntBetween(0, 2 ** 32), (n) => `p${n.toString(16).padStart(8, "0")}`)

const read = Effect.fnUntraced(function* (path: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  if (!(yield* fs.exists(file))) return Option.none()
  const marker = yield* Effect.mapError(
    Effect.flatMap(fs.readFileString(file), Schema.decodeUnknownEffect(MarkerJson)),
    (error) => (error._tag === "PlatformError" ? told(path)(error) : unusable(path, `its ${markerFile} is damaged`))
  )
  if (marker.format > format) return yield* unusable(path, "it was written by a newer version of Sixfold")
  return Option.some<DataDirectory>({ path, instance: marker.instance })
})

/** Whole or not at all, and only once: a link fails where the file is there already. */
const write = Effect.fnUntraced(function* (directory: DataDirectory, file: string) {
  const fs = yield* FileSystem.FileSystem
  const draft = `${file}.${directory.instance}`
  yield* fs.writeFileString(draft, `${JSON.stringify({ format, instance: directory.instance })}\n`, { mode: 0o600 })
  yield* Effect.ensuring(fs.link(draft, file), Effect.ignore(fs.remove(draft)))
})

/** Opens a data directory, or makes one of an empty or absent directory; a directory that is not ours is left alone. */
export const open = Effect.fnUntraced(
  function* (given: string) {
    const fs = yield* FileSystem.FileSystem
    const path = (yield* Path.Path).resolve(given)
    const file = (yield* Path.Path).join(path, markerFile)
    yield* fs.makeDirectory(path, { recursive: true, mode: 0o700 })
    const known = yield* read(path, file)
    if (Option.isSome(known)) return known.value
    const others = (yield* fs.readDirectory(path)).filter((entry) => !entry.startsWith(markerFile))
    if (others.length > 0) return yield* unusable(path, `it is not a Sixfold data directory (it holds ${others[0]})`)
    const made = { path, instance: yield* name }
    // Somebody else may have made it in between; then theirs counts.
    yield* Effect.catchTag(write(made, file), "PlatformError", (error) =>
      error.reason._tag === "AlreadyExists" ? Effect.void : Effect.fail(error)
    )
    return Option.getOrElse(yield* read(path, file), () => made)
  },
  (effect, given) => Effect.catchTag(effect, "PlatformError", (error) => Effect.fail(told(given)(error)))
)
