import { Cron, DateTime, Duration, Equal, Option } from "effect"
import type { When } from "../actor/turn.ts"
import type { StoredWhen, Timer } from "./entry.ts"

/** A one-shot timer with `missed: "skip"` is dropped when it is later than this, in milliseconds. */
const skipAfter = 60_000
/** Beyond it, either way, there is no date. */
const lastMoment = 8.64e15

const toStored = (when: When, now: number): StoredWhen => {
  const zone = "timezone" in when && when.timezone !== undefined ? { timezone: when.timezone } : {}
  if ("at" in when) return { at: DateTime.toEpochMillis(when.at) }
  if ("after" in when) return { at: now + Duration.toMillis(when.after) }
  if ("every" in when) {
    const every = Duration.toMillis(when.every)
    if (!(every >= 1) || every === Infinity) throw new RangeError(`every: ${every} ms is not a period`)
    return { every, from: when.from === undefined ? now + every : DateTime.toEpochMillis(when.from) }
  }
  if ("months" in when) {
    if (!Number.isInteger(when.months) || when.months < 1 || when.months > 12_000) {
      throw new RangeError(`months: ${when.months}`)
    }
    return { months: when.months, from: DateTime.toEpochMillis(when.from), ...zone }
  }
  if (typeof when.cron === "string") return { cron: when.cron, ...zone }
  const own = Option.getOrUndefined(when.cron.tz)
  const cron = Cron.format(when.cron)
  // Text cannot hold all that an object can: another schedule is worse than none.
  if (!Equal.equals(Cron.parseUnsafe(cron, own), when.cron)) {
    throw new RangeError(`a Cron that no expression says, not even ${cron}: give an expression`)
  }
  const timezone = when.timezone ?? (own && DateTime.zoneToString(own))
  return { cron, ...(timezone === undefined ? {} : { timezone }) }
}

const inMonths = (from: number, months: number, timezone: string): number =>
  DateTime.toEpochMillis(DateTime.add(DateTime.makeZonedUnsafe(from, { timeZone: timezone }), { months }))

/** The first due time at or after `time`; none after a one-shot. Months count from `from`, so the 31st comes back after February. */
const dueFrom = (when: StoredWhen, time: number): number | undefined => {
  const from = when.from ?? 0
  if (when.every !== undefined) return from + Math.max(0, Math.ceil((time - from) / when.every)) * when.every
  if (when.months !== undefined) {
    const zone = when.timezone ?? "UTC"
    // A month has at least 28 days: start a little early, then walk.
    let count = Math.max(0, Math.floor((time - from) / (31 * 86_400_000) / when.months) - 1)
    for (;;) {
      const due = inMonths(from, count * when.months, zone)
      if (due >= time) return due
      count++
    }
  }
  if (when.cron !== undefined) {
    return Cron.next(Cron.parseUnsafe(when.cron, when.timezone ?? "UTC"), new Date(time - 1)).getTime()
  }
  return undefined
}

/**
 * A new timer as it is stored. A recurrence set by its own turn, for the due time `last`, goes on behind that one, though the clock may
 * show the same moment still, or an earlier one. Throws on a cron expression, zone or period that makes no sense.
 */
export const setTimer = (when: When, now: number, last = -Infinity): Timer => {
  const stored = toStored(when, now)
  const missed = when.missed === undefined || when.missed === "once" ? {} : { missed: when.missed }
  const due = stored.at ?? dueFrom(stored, Math.max(now, last + 1))
  // What cannot be stored would fail later, where no handler can be blamed.
  if (due === undefined || !(Math.abs(due) <= lastMoment)) {
    throw new RangeError(`no due time: ${JSON.stringify(when)}`)
  }
  return { due, when: { ...stored, ...missed }, attempt: 0 }
}

/**
 * The first due time after `time`, that moment itself excluded: what a timer set then waits for, for whoever wants to show it.
 * None after a one-shot. Throws on a cron expression, zone or period that makes no sense.
 */
export const nextDue = (when: When, time: DateTime.DateTime): Option.Option<DateTime.Utc> => {
  const after = DateTime.toEpochMillis(time)
  const stored = toStored(when, after)
  const due = stored.at ?? dueFrom(stored, after + 1)
  return due === undefined || due <= after ? Option.none() : Option.some(DateTime.makeUnsafe(due))
}

/** What a timer does when its time has come: whether it takes effect, and what it becomes (none: it is over). */
export interface Firing {
  readonly fires: boolean
  readonly next: Timer | undefined
}

/** Decides at `now` (at or after the due time), by the timer's policy for missed due times. Pure. */
export const firing = (timer: Timer, now: number): Firing => {
  const after = (time: number): Timer | undefined => {
    const due = dueFrom(timer.when, time + 1)
    return due === undefined ? undefined : { due, when: timer.when, attempt: 0 }
  }
  const following = after(timer.due)
  switch (timer.when.missed) {
    case "all":
      return { fires: true, next: following }
    case "skip": {
      const missed = following === undefined ? now - timer.due > skipAfter : following.due <= now
      return { fires: !missed, next: missed ? after(now) : following }
    }
    default:
      return { fires: true, next: following !== undefined && following.due <= now ? after(now) : following }
  }
}
