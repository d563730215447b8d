import { Effect, Schema } from "effect"

/** The search parameters of a list that is read a page at a time: `after` (default: from the start), `limit` 1 to 1,000 (default 100). */
export const Page = Schema.Struct({
  after: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed(""))),
  limit: Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 1_000 })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("100"))
  )
})
