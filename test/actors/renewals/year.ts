import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { Payments, Unavailable } from "../../../actors/renewals/payments.ts"
import { charges, subscriptions } from "../../../actors/renewals/topics.ts"
import { Log } from "../../../src/runtime/log.ts"
import { random } from "../import/random.ts"
import { readCharges, start } from "./world.ts"

export interface YearOptions {
  readonly users: number
  readonly seed: number
  /** How often in the year a process runs, for half an hour each: 20 at least, so that no month is missed whole. */
  readonly runs: number
}

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "America/Santiago"]
const day = 86_400_000
const [begin, end] = [Date.UTC(2025, 11, 30), Date.UTC(2027, 0, 3)]

interface User {
  readonly id: string
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly zone: string
}

const two = (n: number) => String(n).padStart(2, "0")

const formats = new Map(
  zones.map((timeZone) => [
    timeZone,
    new Intl.DateTimeFormat("en-GB", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric"
    })
  ])
)

/** A moment as the user's clock and calendar show it. */
const local = (iso: string, zone: string) => {
  const parts = formats.get(zone)!.formatToParts(new Date(iso))
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value)
  return { year: part("year"), month: part("month"), day: part("day"), hour: part("hour"), minute: part("minute") }
}

/** What is wrong with the due times that a user was charged for; nothing where each month of 2026 is there once, on its day. */
const wrong = (user: User, dues: ReadonlyArray<string>): string | undefined => {
  const all = dues
    .toSorted()
    .map((due) => local(due, user.zone))
    .filter(({ year }) => year === 2026)
  const isRight = all.every(({ day, hour, minute, month }, i) => {
    const last = new Date(Date.UTC(2026, month, 0)).getUTCDate()
    // An hour that daylight saving skips is the next one.
    const isHour = hour === user.hour || (user.hour < 4 && hour === user.hour + 1)
    return month === i + 1 && day === Math.min(user.day, last) && isHour && minute === user.minute
  })
  return isRight && all.length === 12 ? undefined : `${JSON.stringify(user)}: ${dues.toSorted().join(" ")}`
}

/** A payment service that is away at times, whose answers get lost, and that hangs while `hanging`. */
const unreliable = (next: (n: number) => number) => {
  const dues = new Map<string, Array<string>>()
  const made = new Set<string>()
  const state = { hanging: false, healthy: false, calls: 0 }
  const away = Effect.fail(new Unavailable({ reason: "503" }))
  const charge = (key: string, userId: string) =>
    Effect.suspend(() => {
      state.calls++
      const luck = state.healthy ? 100 : next(100)
      if (luck < 8) return away
      if (!made.has(key)) {
        made.add(key)
        const due = key.slice(key.lastIndexOf("/") + 1)
        const known = dues.get(userId)
        if (known === undefined) dues.set(userId, [due])
        else known.push(due)
      }
      if (luck < 12) return away
      return state.hanging && luck < 14 ? Effect.never : Effect.void
    })
  return { state, made, dues, layer: Layer.succeed(Payments, Payments.of({ charge })) }
}

/**
 * A year of monthly renewals, from a seed: users of six time zones, on any day at any minute; processes that run now and then,
 * crash in the middle of charges and leave due times to the next; a payment service that is away or loses its answers. Answers
 * what went wrong: nothing, if each user was charged once for each month, on the right day, and `charges` says so once.
 */
export const year = Effect.fnUntraced(function* ({ runs, seed, users }: YearOptions) {
  const next = random(seed)
  const payments = unreliable(next)
  const log = yield* Log
  yield* TestClock.setTime(begin)
  const all = Array.from({ length: users }, (_, i): User => ({
    id: `user-${i}`,
    day: 1 + next(31),
    hour: next(24),
    minute: next(60),
    zone: zones[next(zones.length)]!
  }))
  yield* Effect.forEach(
    all,
    ({ day, hour, id, minute, zone }) =>
      log.append(subscriptions, id, {
        _tag: "Subscribe",
        plan: "p",
        amount: 500,
        currency: "EUR",
        renew: { every: "1 month", from: `2026-01-${two(day)}T${two(hour)}:${two(minute)}`, timezone: zone }
      }),
    { concurrency: 256, discard: true }
  )
  const slice = (end - begin) / runs
  for (let run = 0; run < runs; run++) {
    // In the first half of its slice: two runs are never more than one and a half slices apart.
    if (run > 0) yield* TestClock.setTime(begin + Math.floor(run * slice) + next(Math.floor(slice / 2)))
    payments.state.hanging = next(2) === 0
    const process = yield* start(payments.layer, 1_000_000)
    yield* process.pass("1 minute") // less than a handler may take
    payments.state.hanging = false
    yield* process.crash
    yield* process.pass("29 minutes")
    yield* process.stop
  }
  yield* TestClock.setTime(end)
  payments.state.healthy = true
  const process = yield* start(payments.layer, 1_000_000)
  yield* process.pass("8 hours") // longer than any wait
  yield* process.stop

  const written = new Map<string, number>()
  yield* readCharges(({ value }) => {
    const record = Result.getOrThrow(charges.codec.decodeValue(value))
    if (record._tag !== "Charge" || record.state !== "charged") return
    written.set(record.idempotencyKey, (written.get(record.idempotencyKey) ?? 0) + 1)
  })
  const problems = all.flatMap((user) => wrong(user, payments.dues.get(user.id) ?? []) ?? [])
  for (const [key, times] of written)
    if (times !== 1 || !payments.made.has(key)) problems.push(`${key}: written ${times} times`)
  for (const key of payments.made) if (!written.has(key)) problems.push(`${key}: charged and not written`)
  return { charged: payments.made.size, calls: payments.state.calls, days: (end - begin) / day, problems }
})
