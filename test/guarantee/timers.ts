import { beats, naps, timerOf } from "./orders.ts"
import type { Handled, Order } from "./orders.ts"

/** A timer that was not set anew takes effect exactly once; one that was set anew, at most once, and before that. */
export const timersWrong = (done: ReadonlyArray<Order>, ledger: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  const set = done.filter(({ kind }) => kind === "timer")
  for (const [index, order] of set.entries()) {
    const { id } = order
    const fired = ledger.filter((entry) => entry === `timer:${id}`).length
    const next = set.slice(index + 1).find((later) => timerOf(later) === timerOf(order))
    const at = ledger.indexOf(`timer:${id}`)
    if (fired > 1) found.push(`timer ${id} took effect ${fired} times`)
    if (fired === 0 && next === undefined) found.push(`timer ${id} never took effect`)
    if (fired > 0 && at < ledger.indexOf(String(id))) found.push(`timer ${id} took effect before it was set`)
    if (fired > 0 && next !== undefined && at > ledger.indexOf(String(next.id))) {
      found.push(`timer ${id} took effect after it was set anew`)
    }
  }
  const known = new Set(set.map(({ id }) => `timer:${id}`))
  for (const entry of ledger) {
    if (entry.startsWith("timer:") && !known.has(entry)) found.push(`${entry} was never set`)
  }
  return found
}

/** Naps and what ended them come in the order of the inbox; a nap is over once, unless it was cancelled or set anew before. */
export const napsWrong = (
  done: ReadonlyArray<Order>,
  outputs: ReadonlyArray<typeof Handled.Type>
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const told = outputs.filter(({ pad }) => pad !== naps.over).map(({ id, pad }) => `${pad} ${id}`)
  const asked = done.map(({ id, kind }) => `${kind} ${id}`)
  if (told.join() !== asked.join()) found.push(`naps are ${told.join()}, not ${asked.join()}`)
  let isAsleep = false
  for (const { pad } of outputs) {
    if (pad === naps.over && !isAsleep) found.push("a nap was over that was not under way")
    isAsleep = pad === naps.set
  }
  if (isAsleep) found.push("a nap was never over")
  return found
}

/**
 * What begins a drum comes in the order of the inbox; its beats are a period apart, each due time once and none left out, and as
 * many as they should be, or fewer where the drum began anew.
 */
export const drumsWrong = (
  done: ReadonlyArray<Order>,
  outputs: ReadonlyArray<typeof Handled.Type>
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const begun = outputs.filter(({ pad }) => pad === beats.begin).map(({ id }) => id)
  const asked = done.map(({ id }) => id)
  if (begun.join() !== asked.join()) found.push(`drums are ${begun.join()}, not ${asked.join()}`)
  let [period, count, last]: [number, number, number | undefined] = [0, beats.many, undefined]
  for (const { id, pad } of outputs) {
    if (pad === beats.begin) {
      const order = done.find((order) => order.id === id)
      ;[period, count, last] = [(order?.n ?? 0) * 2_000, 0, undefined]
      continue
    }
    const due = Date.parse(pad.slice(beats.beat.length + 1))
    if (last !== undefined && due !== last + period) {
      found.push(`a beat was due ${due - last} ms after the one before, not ${period}`)
    }
    ;[count, last] = [count + 1, due]
    if (count > beats.many) found.push(`a drum beat ${count} times`)
  }
  if (outputs.length > 0 && count !== beats.many) found.push(`the last drum beat ${count} times, not ${beats.many}`)
  return found
}
