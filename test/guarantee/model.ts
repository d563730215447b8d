import { Effect, Option, Result } from "effect"
import { jsonText } from "../../src/actor/topic.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { commanded, commandOf, mostReplays } from "../../src/runtime/control.ts"
import { doneWith, readLetter } from "../../src/runtime/deadLetter.ts"
import { letterId } from "../../src/runtime/letters.ts"
import * as Entry from "../../src/store/entry.ts"
import type { LocatedRecord } from "../../src/testing/reading.ts"
import type { World } from "../../src/testing/simulation/world.ts"
import { collector, handled, Handled, Ledger, orders, partitions, shelf, worker } from "./orders.ts"
import type { Order, Sent } from "./orders.ts"
import { tableWrong } from "./table.ts"
import { drumsWrong, napsWrong, timersWrong } from "./timers.ts"

/** What has become of an order: it took effect, it is dead and its key knows, or an operator skipped it. */
type Fate = "done" | "dead" | "skipped"

const whilePaused = "skipped by an operator: while its key was paused"

/** What may become of each kind; a skip only where one was sent, and the order may have been waiting or its key was paused. */
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
  rise: ["done"],
  drum: ["done"]
}
/** Their state says nothing of what they did: the outputs do. */
const timed: ReadonlySet<Order["kind"]> = new Set(["nap", "rise", "drum"])

const text = new TextDecoder()

const ledgerText = jsonText(Ledger)
const handledText = jsonText(Handled)
const collectedText = jsonText(collector.definition.state!.schema)

/** Everything in the log, by key. */
interface Seen {
  readonly inbox: ReadonlyMap<string, ReadonlyArray<LocatedRecord>>
  readonly letters: ReadonlyMap<string, ReadonlyArray<LocatedRecord>>
  readonly outputs: ReadonlyMap<string, ReadonlyArray<KafkaRecord>>
  readonly ledgers: ReadonlyMap<string, Uint8Array>
  readonly collected: ReadonlyMap<string, Uint8Array>
}

/**
 * Holds the log to a sequential model: the orders of a key as they lie in their partition of the inbox, handled one after the
 * other, each once; a dead letter once more where its first command is a replay, in the place of that command. `set`: the last setting of each
 * key, where there is a table.
 */
export const check = Effect.fnUntraced(function* (
  world: World,
  sent: ReadonlyMap<string, Sent>,
  set: ReadonlyMap<string, number> | undefined
): Effect.fn.Return<ReadonlyArray<string>, unknown> {
  const seen: Seen = {
    inbox: byKey((yield* world.records(orders.name)).filter(isInPlace)),
    letters: byKey(yield* world.records(`${worker.name}.dead-letters`)),
    outputs: byKey(yield* world.records(handled.name)),
    ledgers: states(yield* world.records(`${worker.name}.state`)),
    collected: states(yield* world.records(`${collector.name}.state`))
  }
  const found: Array<string> = []
  for (const { name } of set === undefined ? [collector] : [collector, shelf]) {
    const strays = yield* world.records(`${name}.dead-letters`)
    if (strays.length > 0) found.push(`${name} has ${strays.length} dead letters`)
  }
  const outputs = new Map<string, ReadonlyArray<number>>()
  for (const [key, each] of sent) {
    found.push(...checkKey(key, each, seen).map((what) => `${key}: ${what}`))
    outputs.set(
      key,
      (seen.outputs.get(key) ?? []).map(handledOf).map(({ id }) => id)
    )
  }
  if (set !== undefined) found.push(...(yield* tableWrong(world, outputs, set)))
  return found
})

/** An order of a key in its turn: from the inbox, or from the dead letters. */
interface Item {
  readonly id: number
  /** The idempotency key: where it lay in the inbox first. */
  readonly position: string
  /** How often it has been replayed. */
  readonly replays: number
}

/** What its dead letters say of a key. */
interface Dead extends Item {
  /** The letter's own id. */
  readonly letter: string
  readonly cause: string
}

const deadOf = (records: ReadonlyArray<LocatedRecord>): ReadonlyArray<Dead> =>
  records.flatMap((record) => {
    const letter = readLetter(record)
    if (letter === undefined) return []
    const { error, origin } = letter
    const place = letterId(record.partition, record.offset)
    return [{ id: idOf(record), letter: place, cause: error, position: origin.id, replays: origin.replays }]
  })

/** What an operator's commands have done with letters, as their topic tells. */
const opsOf = (records: ReadonlyArray<LocatedRecord>): ReadonlyArray<string> =>
  records.flatMap((record) => {
    const of = doneWith(record)
    return of === undefined ? [] : [`${text.decode(record.headers[1]![1])} ${letterId(record.partition, of)}`]
  })

/** The turns of a key, and which letters are done with and how. */
const turnsOf = (inbox: ReadonlyArray<LocatedRecord>, dead: ReadonlyArray<Dead>) => {
  const items: Array<Item> = []
  const done = new Map<string, string>()
  for (const record of inbox) {
    if (commanded(record) === undefined) {
      items.push({ id: idOf(record), position: `${orders.name}/${record.partition}/${record.offset}`, replays: 0 })
      continue
    }
    const command = Option.getOrUndefined(commandOf(record))
    if (command === undefined || !("id" in command) || done.has(command.id)) continue
    const letter = dead.find((each) => each.letter === command.id)
    if (letter === undefined || (command.op === "replay" && letter.replays >= mostReplays)) continue
    done.set(command.id, command.op)
    if (command.op === "replay") items.push({ ...letter, replays: letter.replays + 1 })
  }
  return { items, ops: [...done].map(([id, op]) => `${op} ${id}`) }
}

const checkKey = (key: string, sent: Sent, seen: Seen): ReadonlyArray<string> => {
  const found: Array<string> = []
  const same = (what: string, actual: unknown, expected: unknown) => {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (a !== b) found.push(`${what} are ${a}, not ${b}`)
  }
  const letters = seen.letters.get(key) ?? []
  const dead = deadOf(letters)
  const { items, ops } = turnsOf(seen.inbox.get(key) ?? [], dead)
  const ledger = ledgerOf(seen.ledgers.get(key))
  const nameOf = ({ position, replays }: Item) => `${position} ${replays}`
  const causes = new Map(dead.map((each) => [nameOf(each), each.cause]))
  const fateOf = (item: Item): Fate => {
    const cause = causes.get(nameOf(item))
    return cause === undefined ? "done" : cause.startsWith("skipped by an operator") ? "skipped" : "dead"
  }

  const arrived = items.flatMap(({ id, replays }) => (replays === 0 ? [id] : []))
  same(
    "the orders in the inbox",
    arrived.toSorted((a, b) => a - b),
    [...sent.orders.keys()]
  )
  const history = items.flatMap((item) => {
    const order = sent.orders.get(item.id)
    if (order === undefined) return []
    const fate = fateOf(item)
    const cause = causes.get(nameOf(item))
    const possible = cause === whilePaused ? sent.paused : fates[order.kind].includes(fate)
    if (!possible || (fate === "skipped" && !sent.skipped)) found.push(`${order.kind} ${item.id} is ${fate}: ${cause}`)
    return [{ ...order, fate, position: item.position }]
  })
  const done = history.filter(({ fate }) => fate === "done")
  const isTimed = done.some(({ kind }) => timed.has(kind))
  const outputs = (seen.outputs.get(key) ?? []).map(handledOf)
  // When a nap was over and when a drum beat shows in the outputs only.
  const ids = isTimed ? outputs.map(({ id }) => id) : done.map(({ id }) => id)
  if (isTimed) found.push(...(done[0]!.kind === "drum" ? drumsWrong(done, outputs) : napsWrong(done, outputs)))
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
    dead.map(({ id }) => id),
    history.flatMap(({ fate, id }) => (fate === "done" ? [] : [id]))
  )
  same("what was done with dead letters", opsOf(letters).toSorted(), ops.toSorted())
  for (const { id, position } of done) {
    same(`the idempotency keys of ${id}`, [...(sent.calls.get(id) ?? [])], [position])
  }
  found.push(...timersWrong(done, ledger))
  return found
}

/** On the partition of its key; elsewhere lies what another program had sent to the wrong one. */
const isInPlace = (record: LocatedRecord) => partitionFor(record.key!, partitions) === record.partition

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
