import { Effect, Option, Schema } from "effect"
import { Actor, Log } from "../../src/index.ts"
import { readPart } from "./part.ts"
import {
  contacts,
  importJobs,
  importKey,
  importProgress,
  importRejects,
  imports,
  importUploads,
  parseImportKey
} from "./topics.ts"

/** The record a job points at is gone (retention), or never was, or has other rows than the split counted. */
export class MissingPart extends Schema.TaggedError<MissingPart>()("MissingPart", { message: Schema.String }) {}

/** Reads parts and puts each row where it belongs; together with what was counted, or not at all. */
export const importJobsActor = Actor.make("import-jobs", {
  inbox: importJobs,
  emits: [contacts, importRejects, importProgress, imports]
})
  .handle({
    message: Effect.fnUntraced(function* (_, { claim, dialect, seal }, turn) {
      const at = parseImportKey(turn.key)
      if (at === undefined) return yield* new MissingPart({ message: `${turn.key} names no part` })
      const { importId, n: part } = at
      const found = yield* (yield* Log).read(importUploads, claim)
      if (Option.isNone(found))
        return yield* new MissingPart({ message: `no record at import-uploads/${claim.partition}/${claim.offset}` })
      const rows = readPart(found.value, claim, dialect)
      if (rows.length !== claim.rows) {
        return yield* new MissingPart({ message: `the part has ${rows.length} rows, the split counted ${claim.rows}` })
      }
      let imported = 0
      for (const outcome of rows) {
        if ("email" in outcome) {
          imported++
          yield* turn.emit(contacts, outcome.email, { ...outcome.contact, seal, row: outcome.row })
        } else {
          const { reason, record } = outcome
          yield* turn.emit(importRejects, importKey(importId, outcome.row), { reason, record })
        }
      }
      yield* turn.emit(importProgress, importId, {
        _tag: "PartCompleted",
        part,
        imported,
        rejected: rows.length - imported
      })
      yield* turn.emit(imports, importId, { _tag: "PartEnded", part, outcome: "completed" })
    }),
    // Whatever it was that could not be done: the import must hear that this part will never come. `contacts-import` knows its rows.
    deadLetter: Effect.fnUntraced(function* (_, _letter, turn) {
      const at = parseImportKey(turn.key)
      if (at !== undefined) yield* turn.emit(imports, at.importId, { _tag: "PartEnded", part: at.n, outcome: "failed" })
    })
  })
  .errors({
    MissingPart: "dead-letter",
    Undecodable: "dead-letter",
    KafkaError: { retry: { base: "1 second", max: "1 minute", times: 10 }, then: "dead-letter" }
  })
