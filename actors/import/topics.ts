import { Schema } from "effect"
import { Topic } from "../../src/index.ts"
import { Dialect } from "./csv/dialect.ts"
import { ImportId } from "./import-id.ts"

/** No import has more parts: the upload's limits keep below it, and a bitmap of them stays small. */
export const maxParts = 10_000

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const PartNumber = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxParts - 1 }))
const RowNumber = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))
/** A UUIDv7 made when the upload ended: of two imports, the one with the greater seal is the later. */
const SealId = Schema.String.check(Schema.isUUID(7))
const Channel = Schema.optionalKey(Schema.String)

/** What the views keep as text: no database holds a NUL in all of them. */
const Text = Schema.String.check(Schema.isPattern(/^[^\0]*$/, { expected: "text without a NUL" }))

/** A part in `import-uploads`, by its place in the log: the claim a job checks. */
export const PartClaim = Schema.Struct({
  partition: Count,
  offset: Count,
  /** Number of its first row in the file: the header is row 1, empty lines are counted. */
  row: Count,
  rows: Count,
  /** It can be no row: this is why, and the bytes are its beginning. */
  reject: Schema.optionalKey(Schema.Literals(["too-long", "quote-not-closed"]))
})
export type PartClaim = typeof PartClaim.Type

const importKeyForm = /^([0-9a-f-]{36})\/(\d{1,9})$/

/** A part's rows as uploaded, keyed `importId/part`. Nothing reads it but jobs, by partition and offset. */
export const importUploads = Topic.bytes("import-uploads", { cleanup: "7 days" })

/** The upload ended whole and all its parts are acknowledged: only this record makes the import exist. */
export const Seal = Schema.TaggedStruct("Seal", {
  channel: Channel,
  seal: SealId,
  dialect: Dialect,
  parts: Schema.Array(PartClaim).check(Schema.isMaxLength(maxParts))
})
export type Seal = typeof Seal.Type
const Cancel = Schema.TaggedStruct("Cancel", {})
const PartEnded = Schema.TaggedStruct("PartEnded", {
  part: PartNumber,
  outcome: Schema.Literals(["completed", "failed"])
})

/** Commands and decisions about an import, keyed importId. */
export const imports = Topic.make("imports", {
  key: ImportId,
  value: Schema.Union([Seal, Cancel, PartEnded]),
  cleanup: "7 days"
})

/** One part to be read, keyed `importId/part`. */
export const importJobs = Topic.make("import-jobs", {
  value: Schema.Struct({ seal: SealId, dialect: Dialect, claim: PartClaim }),
  cleanup: "7 days"
})
export type ImportJob = (typeof importJobs)["~value"]

/**
 * A contact as one row of one import has it, keyed by e-mail. Of several the one with the greatest (seal, row) is the contact: offsets
 * of different partitions do not compare, and parts are finished in any order.
 */
export const contacts = Topic.make("contacts", {
  key: Schema.String.check(Schema.isPattern(/^[^\p{Cc}\p{Cs}]{1,254}$/u, { expected: "an e-mail address" })),
  value: Schema.Struct({ name: Text, company: Text, phone: Text, seal: SealId, row: RowNumber }),
  cleanup: "compact"
})

/** A row that was not imported, keyed `importId/row`. `record` is the row as CSV with commas. */
export const importRejects = Topic.make("import-rejects", {
  key: Schema.String.check(Schema.isPattern(importKeyForm, { expected: "importId/row" })),
  value: Schema.Struct({ reason: Text, record: Text }),
  cleanup: "7 days"
})

const Split = Schema.TaggedStruct("Split", { channel: Channel, parts: Count, rows: Count })
const PartCompleted = Schema.TaggedStruct("PartCompleted", { part: PartNumber, imported: Count, rejected: Count })
const PartFailed = Schema.TaggedStruct("PartFailed", { part: PartNumber, rows: Count })
const Cancelled = Schema.TaggedStruct("Cancelled", {})

/** What is counted, keyed importId. `Cancelled`: no further part will be reported. */
export const importProgress = Topic.make("import-progress", {
  key: ImportId,
  value: Schema.Union([Split, PartCompleted, PartFailed, Cancelled]),
  cleanup: "7 days"
})

/** The key of a part or a row of an import. */
export const importKey = (importId: string, n: number): string => `${importId}/${n}`

/** `importId/part` or `importId/row` taken apart; undefined where it is none. */
export const parseImportKey = (key: string): { readonly importId: string; readonly n: number } | undefined => {
  const found = importKeyForm.exec(key)
  return found === null ? undefined : { importId: found[1]!, n: Number(found[2]) }
}
