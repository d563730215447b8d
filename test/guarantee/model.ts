import { Effect, Result } from "effect"
import { jsonText } from "../../src/actor/topic.ts"
import type { KafkaError } from "../../src/kafka/errors.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { commanded } from "../../src/runtime/control.ts"
import { readLetter } from "../../src/runtime/deadLetter.ts"
import * as Entry from "../../src/store/entry.ts"
import type { LocatedRecord } from "../../src/testing/reading.ts"
import type { World } from "../../src/testing/simulation/world.ts"
import { collector, handled, Handled, Ledger, naps, orders, partitions, timerOf, worker } from "./orders.ts"
import type { Order, Sent } from "./orders.ts"

/** What has become of an order: it took effect, it is dead and its key knows, or an operator skipped it. */
type Fate = "done" | "dead" | "skipped"

/** What may become of each kind; a skip only where one was sent and the order may have been waiting. */
const fates: Readonly<Record<Order["kind"], ReadonlyArray<Fate>>> = {
  plain: ["done"],
  slow: ["done"],
  timer: ["done"],
  flaky: ["done", "skipped"],
  held: ["done", "skipped"],
  declined: ["dead"],
  refused: ["dead"],
  garbage: ["dead"],
  defect: ["dead", "skipped"],
  stuck: ["dead", "skipped"],
  nap: ["done"],
  rise: ["done"]
}

const text = new TextDecoder()

const ledgerText = jsonText(Ledger)
const handledText = jsonText(Handled)
const collectedText = jsonText(collector.definition.state!.schema)

/** Everything in the log, by key. */
interface Seen {
  readonly inbox: ReadonlyMap<string, ReadonlyArray<LocatedRecord>>
  readonly letters: ReadonlyMap<string, ReadonlyArray<KafkaRecord>>
  readonly outputs: ReadonlyMap<string, ReadonlyArray<KafkaRecord>>
  readonly ledgers: ReadonlyMap<string, Uint8Array>
  readonly collected: ReadonlyMap<string, Uint8Array>
}

/**
 * Holds the log to a sequential model: the orders of a key as they lie in their partition of the inbox, handled one after the
 * other, each once.
 */
export const check = Effect.fnUntraced(function* (
  world: World,
  sent: ReadonlyMap<string, Sent>
): Effect.fn.Return<ReadonlyArray<string>, KafkaError> {
  const seen: Seen = {
    inbox: byKey((yield* world.records(orders.name)).filter(isMessageInPlace)),
    letters: byKey(yield* world.records(`${worker.name}.dead-letters`)),
    outputs: byKey(yield* world.records(handled.name)),
    ledgers: states(yield* world.records(`${worker.name}.state`)),
    collected: states(yield* world.records(`${collector.name}.state`))
  }
  const strays = yield* world.records(`${collector.name}.dead-letters`)
  const found = strays.length === 0 ? [] : [`the collector has ${strays.length} dead letters`]
  for (const [key, each] of sent) found.push(...checkKey(key, each, seen).map((what) => `${key}: ${what}`))
  return found
})

const checkKey = (key: string, sent: Sent, seen: Seen): ReadonlyArray<string> => {
  const found: Array<string> = []
  const same = (what: string, actual: unknown, expected: unknown) => {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (a !== b) found.push(`${what} are ${a}, not ${b}`)
  }
  const inbox = (seen.inbox.get(key) ?? []).map((record) => ({ record, id: idOf(record) }))
  const letters = (seen.letters.get(key) ?? []).map((record) => ({
    id: idOf(record),
    cause: readLetter(record)?.error ?? ""
  }))
  const ledger = ledgerOf(seen.ledgers.get(key))
  const causes = new Map(letters.map(({ cause, id }) => [id, cause]))
  const fateOf = (id: number): Fate => {
    const cause = causes.get(id)
    return cause === undefined ? "done" : cause.startsWith("skipped by an operator") ? "skipped" : "dead"
  }

  const sorted = inbox.map(({ id }) => id).toSorted((a, b) => a - b)
  same("the orders in the inbox", sorted, [...sent.orders.keys()])
  const history = inbox.flatMap(({ id, record }) => {
    const order = sent.orders.get(id)
    if (order === undefined) return []
    const fate = fateOf(id)
    if (!fates[order.kind].includes(fate) || (fate === "skipped" && !sent.skipped)) {
      found.push(`${order.kind} ${id} is ${fate}: ${causes.get(id)}`)
    }
    return [{ ...order, fate, position: `${orders.name}/${record.partition}/${record.offset}` }]
  })
  const done = history.filter(({ fate }) => fate === "done")
  const isSleeper = done.some(({ kind }) => kind === "nap" || kind === "rise")
  const outputs = (seen.outputs.get(key) ?? []).map(handledOf)
  // Where a nap was over shows in the outputs only.
  const ids = isSleeper ? outputs.map(({ id }) => id) : done.map(({ id }) => id)
  if (isSleeper) found.push(...napsWrong(done, outputs))
  else
    same(
      "effects",
      ledger.filter((entry) => !entry.startsWith("timer:")),
      history.flatMap(({ fate, id, position }) =>
        fate === "done" ? [String(id)] : fate === "dead" ? [`dead:${position}`] : []
      )
    )
  same(
    "outputs",
    outputs.map(({ id }) => id),
    ids
  )
  const collected = seen.collected.get(key)
  same(
    "what was collected",
    collected === undefined ? [] : Result.getOrThrow(collectedText.decode(text.decode(collected))),
    ids
  )
  same(
    "dead letters",
    letters.map(({ id }) => id),
    history.flatMap(({ fate, id }) => (fate === "done" ? [] : [id]))
  )
  for (const { id, position } of done) {
    same(`the idempotency keys of ${id}`, [...(sent.calls.get(id) ?? [])], [position])
  }
  found.push(...timersWrong(done, ledger))
  return found
}

/** A timer that was not set anew takes effect exactly once; one that was set anew, at most once, and before that. */
const timersWrong = (done: ReadonlyArray<Order>, ledger: ReadonlyArray<string>): ReadonlyArray<string> => {
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
const napsWrong = (done: ReadonlyArray<Order>, outputs: ReadonlyArray<typeof Handled.Type>): ReadonlyArray<string> => {
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

/** A message on the partition of its key; elsewhere lies what another program had sent to the wrong one. */
const isMessageInPlace = (record: LocatedRecord) =>
  commanded(record) === undefined && partitionFor(record.key!, partitions) === record.partition

const byKey = <R extends KafkaRecord>(records: ReadonlyArray<R>) => Map.groupBy(records, ({ key }) => text.decode(key!))

/** The last state of each key in a changelog. */
const states = (records: ReadonlyArray<KafkaRecord>) => {
  const last = new Map<string, Uint8Array>()
  for (const { key, value } of records) {
    const entry = Entry.decodeEntryKey(key!)
    if (entry.kind !== Entry.kinds.state) continue
    if (value === null) last.delete(entry.key)
    else last.set(entry.key, value)
  }
  return last
}

const ledgerOf = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? [] : Result.getOrThrow(ledgerText.decode(text.decode(bytes))).ledger

const handledOf = ({ value }: KafkaRecord) => Result.getOrThrow(handledText.decode(text.decode(value!)))

/** The order that a record is about, whatever its form; -1: none. */
const idOf = ({ value }: KafkaRecord): number => {
  const json = text.decode(value!)
  if (json.startsWith("garbage ")) return Number(json.slice(8))
  const parsed: unknown = JSON.parse(json)
  return typeof parsed === "object" && parsed !== null && "id" in parsed ? Number(parsed.id) : -1
}
