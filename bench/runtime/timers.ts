/**
 * Pending timers in memory.
 *
 *     node --expose-gc bench/runtime/timers.ts [--timers 1000000]
 *
 * Prints a table and a line of JSON: heap bytes of a key with one pending timer (restored from its entry, as after a start), timers
 * restored a second, and due times rung a second.
 */
import { parseArgs } from "node:util"
import { Effect, Schema } from "effect"
import * as Actor from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import { Partition } from "../../src/runtime/partition.ts"
import type { DueItem } from "../../src/runtime/partition.ts"
import { restoreRecord } from "../../src/runtime/restore.ts"
import * as Entry from "../../src/store/entry.ts"
import { DueHeap } from "../../src/store/heap.ts"

const { values } = parseArgs({ options: { timers: { type: "string", default: "1000000" } } })
const timers = Number(values.timers)

const inbox = Topic.make("numbers", { value: Schema.Int, partitions: 1 })
const { definition } = Actor.Actor.make("timers", { inbox, state: Schema.Int, initial: 0, timers: ["due"] }).handle({
  message: (state) => Effect.succeed(state),
  timer: { due: (state) => Effect.succeed(state) }
})

const heap = new DueHeap<DueItem>()
let woken = 0
const around = {
  definition,
  deadLetters: "timers.dead-letters",
  expect: (item: DueItem) => heap.push(item),
  wake: () => void woken++,
  capacity: 1_024,
  capacityBytes: 1e6,
  holdLimit: 1_000
}
const partition = new Partition(around, { topic: "numbers", partition: 0 }, "id")

const used = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
const before = used()
const start = performance.now()
for (let n = 0; n < timers; n++) {
  const due = 1e12 + ((n * 7_919) % timers)
  const value = Entry.timerValue.encode({ due, when: { at: due }, attempt: 0 })
  restoreRecord(partition, { offset: n, timestamp: 0, headers: [], key: Entry.timerKey(`user-${n}`, "due"), value })
}
partition.activate(0, "id")
const restored = performance.now() - start
const bytes = (used() - before) / timers
const ringStart = performance.now()
for (let item = heap.popDue(Infinity); item !== undefined; item = heap.popDue(Infinity)) partition.ring(item)
const rung = performance.now() - ringStart
if (woken !== timers) throw new Error(`${woken} of ${timers} rang`)

const result = {
  timers,
  "heap bytes a key with a timer": globalThis.gc === undefined ? "with --expose-gc" : Math.round(bytes),
  "restored timers/s (encode and restore)": Math.round((timers * 1_000) / restored),
  "rung timers/s": Math.round((timers * 1_000) / rung)
}
console.table(result)
console.log(JSON.stringify({ bench: "runtime timers", ...result }))
