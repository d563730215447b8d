import { assert, describe, it } from "@effect/vitest"
import { Cron, DateTime, Option, Result, Schema } from "effect"
import { isSameRenew, namesADay, Renew, scheduleOf } from "../../../actors/renewals/renew.ts"
import { nextDue } from "../../../src/index.ts"

const decode = Schema.decodeUnknownResult(Renew)

/** The due times of a subscription made at `since`. */
const dues = (renew: Renew, since: string, count: number): ReadonlyArray<string> => {
  const schedule = scheduleOf(renew, DateTime.makeUnsafe(since))
  const times: Array<string> = []
  let time: DateTime.Utc = DateTime.makeUnsafe(since)
  while (times.length < count) {
    time = Option.getOrThrow(nextDue(schedule, time))
    times.push(DateTime.formatIso(time))
  }
  return times
}

it("a cron expression names a day where some month has one of its days", () => {
  const named = (cron: string) => namesADay(Cron.parseUnsafe(cron))
  for (const cron of [
    "0 0 * * *",
    "0 0 29 2 *",
    "0 0 30,31 2,3 *",
    "0 0 31 4,5 *",
    "0 0 31 * *",
    "0 0 30 2 1",
    "0 0 28-31 2 *"
  ])
    assert.isTrue(named(cron), cron)
  for (const cron of ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 0 30,31 2 *"]) assert.isFalse(named(cron), cron)
})

describe("due times", () => {
  it("of a duration lie on a grid from the subscription, or from the given time", () => {
    assert.deepStrictEqual(dues({ every: "30 days" }, "2026-01-01T09:00:00.5Z", 2), [
      "2026-01-31T09:00:00.500Z",
      "2026-03-02T09:00:00.500Z"
    ])
    assert.deepStrictEqual(dues({ every: "1 week", from: "2026-01-01T12:00:00Z" }, "2026-01-09T00:00:00Z", 2), [
      "2026-01-15T12:00:00.000Z",
      "2026-01-22T12:00:00.000Z"
    ])
  })

  it("of months keep to the last day of a month, whatever the shorter months before did", () => {
    const renew = { every: "1 month", from: "2026-01-31", timezone: "Europe/Berlin" }
    assert.deepStrictEqual(dues(renew, "2026-01-10T00:00:00Z", 4), [
      "2026-01-30T23:00:00.000Z", // midnight in Berlin
      "2026-02-27T23:00:00.000Z",
      "2026-03-30T22:00:00.000Z",
      "2026-04-29T22:00:00.000Z"
    ])
  })

  it("of months know leap years and years", () => {
    assert.deepStrictEqual(dues({ every: "12 months", from: "2024-02-29T10:00Z" }, "2024-03-01T00:00:00Z", 4), [
      "2025-02-28T10:00:00.000Z",
      "2026-02-28T10:00:00.000Z",
      "2027-02-28T10:00:00.000Z",
      "2028-02-29T10:00:00.000Z"
    ])
  })

  it("of months without a day given count from the subscription, and never charge at once", () => {
    assert.deepStrictEqual(dues({ every: "1 month" }, "2026-01-31T09:00:00Z", 2), [
      "2026-02-28T09:00:00.000Z",
      "2026-03-31T09:00:00.000Z"
    ])
  })

  it("keep the user's hour over daylight saving, and come once in a night that has the hour twice or not at all", () => {
    const monthly = { every: "1 month", from: "2026-01-29T02:30", timezone: "Europe/Berlin" }
    assert.deepStrictEqual(dues(monthly, "2026-02-28T12:00:00Z", 2), [
      "2026-03-29T01:30:00.000Z", // 02:30 does not exist in Berlin: 03:30
      "2026-04-29T00:30:00.000Z"
    ])
    const nightly = { cron: "30 2 * * *", timezone: "Europe/Berlin" }
    assert.deepStrictEqual(dues(nightly, "2026-10-24T12:00:00Z", 2), [
      "2026-10-25T00:30:00.000Z", // the first of two 02:30s
      "2026-10-26T01:30:00.000Z"
    ])
    assert.deepStrictEqual(dues(nightly, "2026-03-28T12:00:00Z", 2), [
      "2026-03-29T01:30:00.000Z",
      "2026-03-30T00:30:00.000Z"
    ])
    assert.deepStrictEqual(dues({ cron: "0 3 1 * *", timezone: "America/Santiago" }, "2026-03-15T00:00:00Z", 2), [
      "2026-04-01T06:00:00.000Z",
      "2026-05-01T07:00:00.000Z"
    ])
  })

  it("before the subscription are not charged", () => {
    const renew = { every: "1 month", from: "2020-01-31T09:00:00Z" }
    assert.deepStrictEqual(dues(renew, "2026-01-31T09:00:00Z", 1), ["2026-02-28T09:00:00.000Z"])
  })
})

describe("what is no schedule", () => {
  const bad: ReadonlyArray<readonly [field: string, renew: unknown]> = [
    ["every", { every: "sometimes" }],
    ["every", { every: "0 seconds" }],
    ["every", { every: "-1 days" }],
    ["every", { every: "999 millis" }],
    ["every", { every: "Infinity" }],
    ["every", { every: "99999999999 weeks" }],
    ["every", { every: "0 months" }],
    ["every", { every: "9999 months" }],
    ["every", { every: 86_400_000 }],
    ["every", { every: `${"1".repeat(300)} days` }],
    ["timezone", { every: "1 month", timezone: "Mars/Olympus" }],
    ["timezone", { every: "1 month", timezone: "" }],
    ["from", { every: "1 month", from: "yesterday" }],
    ["from", { every: "1 month", from: "2026-02-31" }],
    ["from", { every: "1 month", from: "2026-01-31T25:00" }],
    ["from", { every: "1 month", from: "1969-12-31" }],
    ["from", { every: "1 month", from: "2026-01-31T09:00:00+99:00" }],
    ["from", { every: "1 month", from: 0 }],
    ["cron", { cron: "whenever", timezone: "UTC" }],
    ["cron", { cron: "0 0 30 2 *", timezone: "UTC" }],
    ["cron", { cron: "", timezone: "UTC" }],
    ["timezone", { cron: "0 3 1 * *", timezone: "Mars/Olympus" }],
    ["timezone", { cron: "0 3 1 * *" }],
    ["", { every: "1 month", cron: "0 3 1 * *", timezone: "UTC" }],
    ["", {}],
    ["", null],
    ["", "30 days"]
  ]

  it.each(bad)("is refused for its %s: %j", (field, renew) => {
    const result = decode(renew)
    assert.isTrue(Result.isFailure(result))
    assert.include(Result.getFailure(result).pipe(Option.getOrThrow).message, field)
  })

  it.each([
    { every: "2 seconds" },
    { every: "3 months", from: "2026-01-31T09:00:00+02:00" },
    { every: "1 month", from: "2026-01-31T09:00:00.123", timezone: "America/New_York" },
    { cron: "0 3 1 * *", timezone: "Europe/Berlin" },
    { cron: "*/5 * * * * *", timezone: "UTC" }
  ])("is not %j", (renew) => {
    assert.deepStrictEqual(decode(renew), Result.succeed(renew as Renew))
  })
})

it("tells whether two schedules are the same", () => {
  const all: ReadonlyArray<Renew> = [
    { every: "1 month" },
    { every: "2 months" },
    { every: "1 month", from: "2026-01-31" },
    { every: "1 month", from: "2026-01-31", timezone: "Europe/Berlin" },
    { cron: "0 3 1 * *", timezone: "UTC" },
    { cron: "0 4 1 * *", timezone: "UTC" },
    { cron: "0 3 1 * *", timezone: "Europe/Berlin" }
  ]
  for (const a of all) for (const b of all) assert.strictEqual(isSameRenew(a, { ...b }), a === b)
})
