import { Effect, Schema, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { Log } from "../../src/index.ts"
import type { Dialect } from "./csv/dialect.ts"
import { csvReader } from "./csv/file.ts"
import type { Part, SplitLimits } from "./csv/split.ts"
import { importKey, imports, importUploads, maxParts, type PartClaim } from "./topics.ts"

/** More rows than one import may have. */
export class TooManyRows extends Schema.TaggedError<TooManyRows>()("TooManyRows", { message: Schema.String }) {}

/** Rows of one import. A row may be two bytes long and still cost a record. */
export const maxRows = 5_000_000

/** Appends under way at a time: the log's latency is hidden, memory stays at a few parts. */
const appendsInFlight = 8

const checkLimits = (rows: number, parts: number): Effect.Effect<void, TooManyRows> =>
  rows > maxRows || parts > maxParts
    ? Effect.fail(new TooManyRows({ message: `more than ${maxRows} rows` }))
    : Effect.void

/**
 * Takes a CSV file in and makes it an import: the parts go to `import-uploads` as they come, without a transaction; then the
 * seal, and only it, makes the import exist. Whatever fails before leaves parts that nobody points at, gone with their topic's
 * retention.
 *
 * @param options `limits`: how large its parts are
 * @returns the import's id, once the seal is acknowledged
 */
export const upload = Effect.fnUntraced(function* <E, R>(
  body: Stream.Stream<Uint8Array, E, R>,
  options: { readonly channel: string | undefined; readonly limits?: SplitLimits }
) {
  const log = yield* Log
  const random = yield* SecureRandom.SecureRandom
  const importId = yield* random.uuidV7()
  const reader = csvReader(options.limits)
  let dialect: Dialect | undefined
  let rows = 0
  const lastParts = Effect.suspend(() => Effect.fromResult(reader.end())).pipe(
    Effect.map((file) => {
      dialect = file.dialect
      return file.parts
    })
  )
  const append = Effect.fnUntraced(function* ([part, n]: [Part, number]) {
    rows += part.rows
    yield* checkLimits(rows, n + 1)
    const { partition, offset } = yield* log.append(importUploads, importKey(importId, n), part.bytes)
    const reject = part.reject === undefined ? {} : { reject: part.reject }
    return { partition, offset, row: part.row, rows: part.rows, ...reject } satisfies PartClaim
  })
  const parts = yield* body.pipe(
    Stream.mapEffect((chunk) => Effect.fromResult(reader.push(chunk))),
    Stream.concat(Stream.fromEffect(lastParts)),
    Stream.flattenIterable,
    Stream.zipWithIndex,
    Stream.mapEffect(append, { concurrency: appendsInFlight }),
    Stream.runCollect
  )
  const channel = options.channel === undefined ? {} : { channel: options.channel }
  const seal = yield* random.uuidV7()
  yield* log.append(imports, importId, { _tag: "Seal", ...channel, seal, dialect: dialect!, parts })
  return importId
})
