import { Cron, DateTime, Duration, Option, Result, Schema } from "effect"
import { nextDue, type When } from "../../src/index.ts"

/** Shortest and longest period, in milliseconds: a second, and a hundred years of days. */
const shortest = 1_000
const longest = 36_500 * 86_400_000
const mostMonths = 1_200
const longestText = 200

type Period = { readonly months: number } | { readonly millis: number }

/** "3 months" in months, for they differ in length; any other duration in milliseconds. Undefined where it is no period. */
const periodOf = (every: string): Period | undefined => {
  const found = /^(\d{1,4}) months?$/.exec(every)
  if (found !== null) {
    const months = Number(found[1])
    return months >= 1 && months <= mostMonths ? { months } : undefined
  }
  const millis = Option.map(Duration.fromInput(every as Duration.Input), Duration.toMillis)
  return Option.isSome(millis) && Number.isInteger(millis.value) && millis.value >= shortest && millis.value <= longest
    ? { millis: millis.value }
    : undefined
}

const isTimezone = (timezone: string): boolean => Option.isSome(DateTime.zoneMakeNamed(timezone))

const dateTime = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/

/** A date or a date and time (ISO 8601): without an offset it is the user's clock that says so. Undefined where there is no such day. */
const instantOf = (text: string, timezone = "UTC"): DateTime.Utc | undefined => {
  const found = dateTime.exec(text)
  if (found === null) return undefined
  const [, day = "", , offset] = found
  // 31 February parses, as a day in March.
  const isDay = Option.exists(DateTime.make(day), (date) => DateTime.formatIso(date).startsWith(day))
  const local = { timeZone: timezone, adjustForTimeZone: true }
  const at: Option.Option<DateTime.DateTime> =
    offset === undefined ? DateTime.makeZoned(text, local) : DateTime.make(text)
  return isDay && Option.isSome(at) && DateTime.toEpochMillis(at.value) >= 0 ? DateTime.toUtc(at.value) : undefined
}

const Text = Schema.String.check(Schema.isMaxLength(longestText))
const Interval = Schema.Struct({ every: Text, from: Schema.optionalKey(Text), timezone: Schema.optionalKey(Text) })
const ByCron = Schema.Struct({ cron: Text, timezone: Text })

const againstInterval = ({ every, from, timezone }: typeof Interval.Type) => {
  if (periodOf(every) === undefined)
    return { path: ["every"], issue: `a period from 1 second to 100 years was expected: "30 days", "1 month"` }
  if (timezone !== undefined && !isTimezone(timezone))
    return { path: ["timezone"], issue: `an IANA time zone was expected: "Europe/Berlin"` }
  return from === undefined || instantOf(from, timezone) !== undefined
    ? undefined
    : { path: ["from"], issue: `a date or time since 1970 was expected: "2026-01-31" or "2026-01-31T09:00:00Z"` }
}

const longestMonths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * Whether some month has one of its days: none has 30 February. To look for such a day in the years to come takes a quarter of a second,
 * in which nothing else is done.
 */
export const namesADay = ({ days, months, weekdays }: Cron.Cron): boolean => {
  if (days.size === 0 || weekdays.size > 0) return true
  const first = Math.min(...days)
  return longestMonths.some((length, n) => first <= length && (months.size === 0 || months.has(n + 1)))
}

const againstCron = ({ cron, timezone }: typeof ByCron.Type) => {
  if (!isTimezone(timezone)) return { path: ["timezone"], issue: `an IANA time zone was expected: "Europe/Berlin"` }
  const parsed = Cron.parse(cron)
  const isDue =
    Result.isSuccess(parsed) &&
    namesADay(parsed.success) &&
    Result.isSuccess(Result.try(() => nextDue({ cron, timezone }, DateTime.makeUnsafe(0))))
  return isDue
    ? undefined
    : { path: ["cron"], issue: `five or six fields that name some moment were expected: "0 3 1 * *"` }
}

/**
 * When a subscription renews: every so often, or as a cron expression says in a time zone.
 *
 * `every` is a duration ("30 days", "2 seconds"), counted from `from` or else from the subscription, or "N months", which keep to
 * `from`'s day and local hour: 31 January, 28 February, 31 March.
 */
export const Renew = Schema.Union(
  [Interval.check(Schema.makeFilter(againstInterval)), ByCron.check(Schema.makeFilter(againstCron))],
  { mode: "oneOf" }
)
/** The same as it is stored: checked when it came in, since time zones are slow to ask. */
export const StoredRenew = Schema.Union([Interval, ByCron])
export type Renew = typeof Renew.Type

/** The schedule of a subscription made at `since`. Its due times depend on nothing else; those up to `since` do not count. */
export const scheduleOf = (renew: Renew, since: DateTime.Utc): When => {
  if ("cron" in renew) return { cron: renew.cron, timezone: renew.timezone }
  const { every, from: text, timezone = "UTC" } = renew
  const from = text === undefined ? undefined : instantOf(text, timezone)
  const period = periodOf(every)!
  return "months" in period
    ? { months: period.months, from: from ?? since, timezone }
    : { every: period.millis, from: from ?? since }
}

/** Whether both say the same. */
export const isSameRenew = (a: Renew, b: Renew): boolean =>
  "cron" in a
    ? "cron" in b && a.cron === b.cron && a.timezone === b.timezone
    : !("cron" in b) && a.every === b.every && a.from === b.from && a.timezone === b.timezone
