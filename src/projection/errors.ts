import { Schema } from "effect"

/**
 * Why a projection cannot go on, as its operator must know it.
 *
 * - `OtherLog`: the rows were made from another cluster or from a topic that was deleted and made again.
 * - `BeyondEnd`: the log ends before the next offset: it was truncated, or the database is of a later time.
 * - `InboxOverrun`: retention deleted records that were never applied.
 * - `TooManyRefused`: the database refuses one record after the other: it is the projection's fault, not theirs.
 * - `RebuildOvertaken`: another rebuild of the same table has begun since.
 */
export class ProjectionError extends Schema.TaggedError<ProjectionError>()("ProjectionError", {
  reason: Schema.Literals(["OtherLog", "BeyondEnd", "InboxOverrun", "TooManyRefused", "RebuildOvertaken"]),
  projection: Schema.String,
  message: Schema.String
}) {}

/** Another owner has taken the partition since: whatever was in the transaction is rolled back. */
export class Fenced extends Schema.TaggedError<Fenced>()("ProjectionFenced", {
  topic: Schema.String,
  partition: Schema.Int
}) {}
