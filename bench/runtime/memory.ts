/** Memory of what only waits: an idle key with its state, a parked message, a pending timer. */
import { Effect, Schema } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Actor } from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { Partition } from "../../src/runtime/partition.ts"
import type { DueItem } from "../../src/runtime/partition.ts"
import { restoreRecord } from "../../src/runtime/restore.ts"
import * as Entry from "../../src/store/entry.ts"
import { DueHeap } from "../../src/store/heap.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const inbox = Topic.make("numbers", { value: Schema.Int, partitions: 1 })
const State = Schema.Struct({ total: Schema.Int })
const { definition } = Actor.make("sum", { inbox, state: State, initial: { total: 0 }, timers: ["due"] }).handle({
  message: (state) => Effect.succeed(state),
  timer: { due: (state) => Effect.succeed(state) }
})

const used = () => {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Bytes for each of `count`, with what holds them: as after a start, from entries of the changelog. */
const bytesOf = (count: number, entry: (n: number) => readonly [key: Uint8Array, value: Uint8Array]): number => {
  const heap = new DueHeap<DueItem>()
  const before = used()
  const partition = new Partition(
    {
      definition,
      deadLetters: "sum.dead-letters",
      expect: (item) => heap.push(item),
      wake: () => {},
      capacity: 1_024,
      capacityBytes: 1e6,
      holdLimit: 1_000
    },
    { topic: "numbers", partition: 0 },
    "id"
  )
  for (let offset = 0; offset < count; offset++) {
    // Buffers of their own, as a fetch response has them.
    const [key, value] = entry(offset).map((bytes) => new Uint8Array(bytes)) as [Uint8Array, Uint8Array]
    const record: KafkaRecord = { offset, timestamp: 0, headers: [], key, value }
    restoreRecord(partition, record)
  }
  partition.activate(0, "id")
  const bytes = Math.round((used() - before) / count)
  if (partition.cells.size === 0 || heap.size > count) throw new Error("nothing was restored")
  return bytes
}

export const memory = (count = 100_000) => ({
  "bytes an idle key": bytesOf(count, (n) => [
    Entry.stateKey(`user-${n}`),
    new TextEncoder().encode(JSON.stringify({ total: n }))
  ]),
  "bytes a parked message": bytesOf(count, (n) => [
    Entry.parkedKey(`user-${n % 10}`, n),
    Entry.parkedValue({ offset: n, timestamp: 0, value: new TextEncoder().encode("1"), headers: [] })
  ]),
  "bytes a key with a timer": bytesOf(count, (n) => [
    Entry.timerKey(`user-${n}`, "due"),
    Entry.timerValue.encode({ due: 1e12 + n, when: { at: 1e12 + n }, attempt: 0 })
  ])
})
