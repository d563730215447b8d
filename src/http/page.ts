import { Effect, Schema } from "effect"

/** The search parameters of a list that is read a page at a time: `after` (default: from the start), `limit` 1 to 1,000 (default 100). */
export const Page = Schema.Struct({
  after: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed(""))),
  limit: Schema.String.check(Schema.isPattern(/^([1-9]\d{0,2}|1000)$/, { expected: "a whole number, 1 to 1000" })).pipe(
    Schema.decodeTo(Schema.NumberFromString),
    Schema.withDecodingDefaultKey(Effect.succeed("100"))
  )
})
