import { describe, expect, it } from "vitest"
import { decodeRecords, readHeader } from "../../src/kafka/cluster/batch-decoder.ts"
import { sizeBound } from "../../src/kafka/cluster/batch-encoder.ts"
import * as Buffers from "../../src/kafka/cluster/buffers.ts"
import * as Lane from "../../src/kafka/cluster/lane.ts"
import type { KafkaRecord, ProducerRecord } from "../../src/kafka/records.ts"
import { seeded, seeds } from "./seeded.ts"
import type { Seeded } from "./seeded.ts"

/** A broker's memory of one idempotent producer on one partition (KIP-98). */
class Broker {
  readonly log: Array<number> = []
  readonly #last = new Map<bigint, { next: number; recent: Array<{ sequence: number; count: number }> }>()

  write(producerId: bigint, sequence: number, values: ReadonlyArray<number>): "ok" | "out of order" {
    const memory = this.#last.get(producerId) ?? { next: 0, recent: [] }
    this.#last.set(producerId, memory)
    if (memory.recent.some((one) => one.sequence === sequence && one.count === values.length)) return "ok"
    if (sequence !== memory.next) return "out of order"
    memory.next = sequence + values.length
    memory.recent = [...memory.recent, { sequence, count: values.length }].slice(-5)
    this.log.push(...values)
    return "ok"
  }

  forget() {
    this.#last.clear()
  }
}

/** The records' bytes do not matter here; `value` is in the timestamp. */
const append = (lane: Lane.Lane, value: number, now: number, batchBytes: number) => {
  const record: ProducerRecord = { topic: "t", partition: 0, key: null, value: null, headers: [], timestamp: value }
  const delivery: Lane.Delivery = { remaining: 1, offsets: [], bytes: 0, failure: undefined, finished: () => {} }
  Lane.append(Lane.room(lane, one, now, batchBytes), record, one, delivery, 0)
}
const one = sizeBound({ key: null, value: null, headers: [], timestamp: 0 })
const values = ({ records }: Lane.LaneBatch) => {
  const bytes = records.seal("none")
  const decoded: Array<KafkaRecord> = []
  decodeRecords(bytes, readHeader(bytes, 0)!, 0, decoded)
  return decoded.map(({ timestamp }) => timestamp)
}

/** Plays a producer's life against a broker that loses requests and answers, in any order of arrival of the answers. */
const play = (
  random: Seeded,
  faults: {
    readonly lossy: boolean
    readonly refuses: boolean
    readonly forgets: boolean
    readonly denies?: boolean
    readonly late?: boolean
  }
) => {
  const broker = new Broker()
  const settled = new Map<number, "written" | "failed">()
  const lane = Lane.make({ topic: "t", partition: 0 }, { producerId: 1n, producerEpoch: 0 }, Buffers.make(0))
  let producers = 1n
  let next = 0
  const onTheWay: Array<{ batch: Lane.LaneBatch; producerId: bigint; sequence: number }> = []
  const poison = (value: number) => faults.refuses && value % 17 === 5
  const settle = (batch: Lane.LaneBatch, how: "written" | "failed") =>
    values(batch).forEach((value) => settled.set(value, how))

  const answer = () => {
    // Answers of one connection come in order.
    const { batch, producerId, sequence } = onTheWay.shift()!
    if (faults.forgets && random.chance(0.02)) broker.forget()
    if (faults.lossy && random.chance(0.1)) return Lane.unclear(lane, batch)
    if (values(batch).some(poison)) {
      if (!Lane.bisect(lane, batch)) settle(batch, "failed")
      return
    }
    if (faults.denies && random.chance(0.05)) {
      Lane.giveUp(lane, batch)
      return settle(batch, "failed")
    }
    const result = broker.write(producerId, sequence, values(batch))
    if (faults.lossy && random.chance(0.1)) return Lane.unclear(lane, batch)
    if (result === "ok") {
      Lane.acknowledged(lane, batch)
      return settle(batch, "written")
    }
    const why = Lane.outOfOrder(lane, batch)
    if (why === "lost" || why === "written") settle(batch, "failed")
    if (why === "lost" || why === "forgotten") lane.identity = undefined
  }

  for (let step = 0; step < 3_000; step++) {
    if (next < 200 && random.chance(0.3)) append(lane, next++, step, 3 * one)
    if (lane.identity === undefined && lane.inFlight.size === 0) {
      for (const lost of Lane.adopt(lane, { producerId: ++producers, producerEpoch: 0 })) settle(lost, "failed")
    }
    if (random.chance(0.5) && Lane.ready(lane, step, 0, 3 * one) !== undefined) {
      const batch = Lane.depart(lane)
      onTheWay.push({ batch, producerId: lane.identity!.producerId, sequence: batch.sequence })
    }
    if (onTheWay.length > 0 && random.chance(0.5)) answer()
    if (faults.late) for (const batch of Lane.expire(lane, step - 20)) settle(batch, "failed")
    if (faults.denies && random.chance(0.01)) for (const batch of Lane.giveUpQueue(lane)) settle(batch, "failed")
  }
  return { log: broker.log, settled, sent: next }
}

const faultSets = [
  { lossy: false, refuses: false, forgets: false },
  { lossy: true, refuses: false, forgets: false },
  { lossy: false, refuses: true, forgets: false },
  { lossy: true, refuses: true, forgets: false },
  { lossy: true, refuses: true, forgets: true },
  // A right that was taken away, a topic that nobody knows: what waits fails, and what comes later may be let through.
  { lossy: true, refuses: true, forgets: false, denies: true },
  // What waits too long fails, whatever became of it.
  { lossy: true, refuses: true, forgets: false, late: true }
]

describe("the lane of a partition", () => {
  it.each(faultSets)("writes what it acknowledges exactly once and in order (%o)", (faults) => {
    for (const seed of seeds(200)) {
      const { log, sent, settled } = play(seeded(seed), faults)
      const name = `seed ${seed}`
      expect(settled.size, `${name}: everything ends`).toBe(sent)
      expect(new Set(log).size, `${name}: nothing twice`).toBe(log.length)
      expect(log, `${name}: in order`).toEqual([...log].sort((a, b) => a - b))
      const written = [...settled]
        .filter(([, how]) => how === "written")
        .map(([value]) => value)
        .sort((a, b) => a - b)
      for (const value of written) expect(log.includes(value), `${name}: ${value} is acknowledged`).toBe(true)
    }
  })

  it("fails nothing while the broker remembers and takes every record", () => {
    for (const seed of seeds(200)) {
      const { settled } = play(seeded(seed), { lossy: true, refuses: false, forgets: false })
      expect(
        [...settled.values()].every((how) => how === "written"),
        `seed ${seed}`
      ).toBe(true)
    }
  })

  it("fails only the record that is refused, not its batch", () => {
    for (const seed of seeds(200)) {
      const { settled } = play(seeded(seed), { lossy: false, refuses: true, forgets: false })
      for (const [value, how] of settled)
        expect(how, `seed ${seed}, value ${value}`).toBe(value % 17 === 5 ? "failed" : "written")
    }
  })

  it("has at most five requests under way", () => {
    const lane = Lane.make({ topic: "t", partition: 0 }, { producerId: 1n, producerEpoch: 0 }, Buffers.make(0))
    for (let value = 0; value < 20; value++) append(lane, value, 0, one)
    let departed = 0
    while (Lane.ready(lane, 0, 0, one) !== undefined) {
      Lane.depart(lane)
      departed++
    }
    expect(departed).toBe(5)
  })

  it("waits for company while a batch lingers, and not longer", () => {
    const lane = Lane.make({ topic: "t", partition: 0 }, { producerId: 1n, producerEpoch: 0 }, Buffers.make(0))
    append(lane, 1, 1_000, 3 * one)
    expect(Lane.ready(lane, 1_004, 5, 3 * one)).toBeUndefined()
    expect(Lane.ready(lane, 1_005, 5, 3 * one)).toBeDefined()
  })
})
