import { assert, describe, it } from "@effect/vitest"
import { Cron, DateTime, Duration, Option, Schema } from "effect"
import { firing, nextDue, setTimer } from "../../src/store/recurrence.ts"
import type { Timer } from "../../src/store/entry.ts"

const at = (iso: string) => DateTime.toEpochMillis(DateTime.makeUnsafe(iso))
const iso = (time: number) => DateTime.formatIso(DateTime.makeUnsafe(time))

/** The due times of a timer that always fires exactly when it is due. */
const dues = (timer: Timer, count: number): ReadonlyArray<string> => {
  const times: Array<string> = []
  for (let next: Timer | undefined = timer; next !== undefined && times.length < count;) {
    times.push(iso(next.due))
    next = firing(next, next.due).next
  }
  return times
}

describe("recurrences", () => {
  it("keeps to the 31st where a month has one", () => {
    const from = DateTime.makeUnsafe("2026-01-31T09:00:00Z")
    const timer = setTimer({ months: 1, from, timezone: "Europe/Berlin" }, at("2026-01-31T09:00:00Z"))
    assert.deepStrictEqual(dues(timer, 4), [
      "2026-01-31T09:00:00.000Z",
      "2026-02-28T09:00:00.000Z",
      "2026-03-31T08:00:00.000Z", // the same hour in Berlin, by then in summer time
      "2026-04-30T08:00:00.000Z"
    ])
  })

  it("reads cron expressions in their time zone", () => {
    const timer = setTimer({ cron: "0 3 1 * *", timezone: "Europe/Berlin" }, at("2026-02-10T00:00:00Z"))
    assert.deepStrictEqual(dues(timer, 3), [
      "2026-03-01T02:00:00.000Z",
      "2026-04-01T01:00:00.000Z",
      "2026-05-01T01:00:00.000Z"
    ])
  })

  it("takes each time of a local clock once where clocks change, and leaves none out for good", () => {
    const berlin = (cron: string, from: string, count: number) =>
      dues(setTimer({ cron, timezone: "Europe/Berlin" }, at(from)), count).map((due) => due.slice(5, 16))
    // Forward on 29 March, from 2 to 3 o'clock: what lies between comes an hour later by the clock.
    assert.deepStrictEqual(berlin("30 2 * * *", "2026-03-28T00:00:00Z", 3), [
      "03-28T01:30",
      "03-29T01:30",
      "03-30T00:30"
    ])
    // Back on 25 October, from 3 to 2 o'clock: the hour comes twice, its times do not.
    assert.deepStrictEqual(berlin("30 2 * * *", "2026-10-24T00:00:00Z", 3), [
      "10-24T00:30",
      "10-25T00:30",
      "10-26T01:30"
    ])
    assert.deepStrictEqual(berlin("0 * * * *", "2026-10-24T23:00:00Z", 4), [
      "10-24T23:00",
      "10-25T00:00",
      "10-25T02:00",
      "10-25T03:00"
    ])
    for (let minute = 0; minute < 240; minute++) {
      const time = at("2026-10-24T23:00:00Z") + minute * 60_000
      const { due } = setTimer({ cron: "*/7 * * * *", timezone: "Europe/Berlin" }, time)
      assert.isTrue(due >= time && due - time <= 67 * 60_000, iso(time))
    }
  })

  it("tells the next due time, which is never the moment itself", () => {
    const next = (when: Parameters<typeof nextDue>[0], time: string) =>
      Option.getOrNull(Option.map(nextDue(when, DateTime.makeUnsafe(time)), DateTime.formatIso))
    const from = DateTime.makeUnsafe("2026-01-31T09:00:00Z")
    assert.strictEqual(next({ months: 1, from }, "2026-01-31T08:59:59.999Z"), "2026-01-31T09:00:00.000Z")
    assert.strictEqual(next({ months: 1, from }, "2026-01-31T09:00:00Z"), "2026-02-28T09:00:00.000Z")
    assert.strictEqual(next({ every: "1 day", from }, "2026-02-01T09:00:00Z"), "2026-02-02T09:00:00.000Z")
    assert.strictEqual(next({ cron: "0 9 * * *" }, "2026-02-01T09:00:00Z"), "2026-02-02T09:00:00.000Z")
    assert.strictEqual(next({ after: "1 hour" }, "2026-02-01T09:00:00Z"), "2026-02-01T10:00:00.000Z")
    assert.strictEqual(next({ at: from }, "2026-01-31T09:00:00Z"), null)
  })

  it("goes on behind the due time it is set anew at, also where the clock has gone back", () => {
    const [due, before] = [at("2026-02-01T09:00:00Z"), at("2026-02-01T08:59:00Z")]
    const from = DateTime.makeUnsafe("2026-01-31T09:00:00Z")
    for (const when of [{ cron: "0 9 * * *" }, { every: "1 day", from }, { months: 1, from }] as const) {
      for (const now of [due, before]) assert.isAbove(setTimer(when, now, due).due, due, Object.keys(when)[0])
    }
  })

  it("fires a one-shot timer once", () => {
    const timer = setTimer({ after: "10 minutes" }, at("2026-01-01T00:00:00Z"))
    assert.deepStrictEqual(dues(timer, 3), ["2026-01-01T00:10:00.000Z"])
  })

  it("skips a one-shot timer that is more than a minute late, and no other", () => {
    const timer = setTimer({ after: "1 second", missed: "skip" }, 0)
    assert.deepStrictEqual(firing(timer, 61_000), { fires: true, next: undefined })
    assert.deepStrictEqual(firing(timer, 61_001), { fires: false, next: undefined })
    assert.isTrue(firing(setTimer({ after: "1 second" }, 0), 1e9).fires)
  })

  it("refuses what has no due time", () => {
    for (const when of [
      { every: "0 millis" },
      { cron: "whenever" },
      { cron: "0 3 1 * *", timezone: "Mars/Olympus" },
      { months: 0.5, from: DateTime.makeUnsafe(0) },
      { months: 1_000_000, from: DateTime.makeUnsafe(1) },
      { after: Duration.infinity },
      { after: Duration.days(1e9) },
      { every: Duration.days(1e9) }
    ] as const)
      assert.throws(() => setTimer(when, 0), undefined, undefined, JSON.stringify(when))
  })

  it("keeps the time zone of a Cron", () => {
    const due = (...[when]: [Parameters<typeof setTimer>[0]]) => iso(setTimer(when, at("2026-02-10T00:00:00Z")).due)
    const nine = Cron.parseUnsafe("0 9 * * *", "Europe/Berlin")
    assert.strictEqual(due({ cron: nine }), "2026-02-10T08:00:00.000Z")
    assert.strictEqual(due({ cron: nine, timezone: "Asia/Tokyo" }), "2026-02-10T00:00:00.000Z")
    assert.strictEqual(due({ cron: Cron.parseUnsafe("0 9 * * *", "+02:00") }), "2026-02-10T07:00:00.000Z")
  })

  it("refuses a Cron whose expression would mean other times", () => {
    const fields = { minutes: [30, 0], hours: [0], days: [13], months: [], weekdays: [5] }
    assert.throws(() => setTimer({ cron: Cron.make({ ...fields, and: true }) }, 0), RangeError)
    assert.throws(() => setTimer({ cron: Cron.parseUnsafe("0 0 */2 * 1") }, 0), RangeError)
    assert.throws(
      () => setTimer({ cron: Cron.parseUnsafe("0 0 * * *", "Europe/Berlin", { onDstOverlap: "later" }) }, 0),
      RangeError
    )
    assert.strictEqual(
      iso(setTimer({ cron: Cron.make(fields) }, at("2026-02-10T00:00:00Z")).due).slice(0, 10),
      "2026-02-13"
    )
  })

  const missed = Schema.Literals(["once", "all", "skip"])
  const period = Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 100_000 }))
  const late = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

  it.prop(
    "after an outage: once for all of them, once for each, or not at all",
    [missed, period, late],
    ([policy, every, outage]) => {
      let timer: Timer | undefined = setTimer({ every, missed: policy }, 0)
      const now = timer.due + outage
      const fired: Array<number> = []
      while (timer !== undefined && timer.due <= now) {
        const { fires, next } = firing(timer, now)
        if (fires) fired.push(timer.due)
        assert.isTrue(next !== undefined && next.due > timer.due, "time goes on")
        timer = next
      }
      const passed = Math.floor(outage / every) + 1
      assert.strictEqual(fired.length, policy === "all" ? passed : policy === "once" || passed === 1 ? 1 : 0)
      assert.isTrue(timer !== undefined && (timer.due - every) % every === 0, "the grid is kept")
    }
  )
})
