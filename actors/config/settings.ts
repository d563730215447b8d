import { type Context, Effect, Layer, Option, Result, Schema, Stream } from "effect"
import type { Plain } from "../../src/index.ts"
import { OutstandingJobs } from "../import/contacts-import.ts"
import { RetryLimit } from "../renewals/renewals.ts"
import { SiteConfig } from "./site-config.ts"

/**
 * Reads a setting from the entry `key` each time it is asked for, so that a change holds from the next turn on. An entry that is
 * absent or not of the schema leaves the setting as it was before; the latter is logged.
 */
export const live = <A>(setting: Context.Reference<Effect.Effect<A>>, key: string, schema: Plain<A>) =>
  Layer.effect(
    setting,
    Effect.gen(function* () {
      const fallback = yield* setting
      const config = yield* SiteConfig
      const decode = Schema.decodeUnknownResult(schema)
      yield* config.changes({ key }).pipe(
        Stream.runForEach(({ entry }) => {
          const refused = Option.flatMap(entry, ({ value }) => Result.getFailure(decode(value)))
          return Option.match(refused, {
            onNone: () => Effect.void,
            onSome: ({ message }) => Effect.logWarning(`the entry ${key} of site-config is not used: ${message}`)
          })
        }),
        Effect.forkScoped
      )
      return Effect.suspend(() =>
        Option.match(
          Option.flatMap(config.get(key), (value) => Result.getSuccess(decode(value))),
          { onNone: () => fallback, onSome: Effect.succeed }
        )
      )
    })
  )

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** `renewals.retry-limit`, 0 to 100: how often a charge is tried again before it is given up. Default 5. */
export const retryLimit = live(RetryLimit, "renewals.retry-limit", between(0, 100))

/** `imports.outstanding`, 1 to 256: parts of one import that are handed out at a time. Default 8. */
export const outstandingJobs = live(OutstandingJobs, "imports.outstanding", between(1, 256))
