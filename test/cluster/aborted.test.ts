import { describe, expect, it } from "vitest"
import type { AbortedTransaction } from "../../src/kafka/cluster/aborted.ts"
import { RecordBatch, sign, sizeBound } from "../../src/kafka/cluster/batch-encoder.ts"
import * as Buffers from "../../src/kafka/cluster/buffers.ts"
import { at, attribute, writeLong } from "../../src/kafka/cluster/batch-format.ts"
import * as Fetched from "../../src/kafka/cluster/fetched.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { seeded, seeds } from "./seeded.ts"

/** A log as a broker would have it: data of transactions and their markers, one record a batch. */
class Log {
  readonly batches: Array<Buffer> = []
  readonly committed: Array<string> = []
  readonly aborted: Array<AbortedTransaction & { readonly markerOffset: number }> = []
  readonly #open = new Map<bigint, { first: number; values: Array<string> }>()
  #order: Array<{ readonly producer: bigint; readonly value: string }> = []

  get end() {
    return this.batches.length
  }

  #add(producerId: bigint, key: Uint8Array, value: string, attributes: number) {
    const record = { topic: "t", partition: 0, key, value: Buffer.from(value), headers: [], timestamp: 1 }
    const records = new RecordBatch(Buffers.make(0), 0, false)
    records.append(record, sizeBound(record))
    const batch = records.seal("none")
    batch.writeInt16BE(attributes, at.attributes)
    sign(batch, { producerId, producerEpoch: 0, baseSequence: 0 })
    writeLong(batch, at.baseOffset, this.end)
    this.batches.push(batch)
  }

  data(producer: bigint, value: string) {
    const open = this.#open.get(producer) ?? { first: this.end, values: [] }
    open.values.push(value)
    this.#open.set(producer, open)
    this.#order.push({ producer, value })
    this.#add(producer, Buffer.from("k"), value, attribute.transactional)
  }

  plain(value: string) {
    this.#order.push({ producer: -1n, value })
    this.#add(-1n, Buffer.from("k"), value, 0)
  }

  marker(producer: bigint, commit: boolean) {
    const open = this.#open.get(producer)
    if (open === undefined) return
    this.#open.delete(producer)
    if (!commit) {
      this.aborted.push({ producerId: producer, firstOffset: open.first, markerOffset: this.end })
      this.#order = this.#order.filter(
        ({ producer: other, value }) => other !== producer || !open.values.includes(value)
      )
    }
    this.#add(producer, Buffer.from([0, 0, 0, commit ? 1 : 0]), "", attribute.transactional | attribute.control)
  }

  /** What a read-committed reader must see, in order. */
  visible() {
    return this.#order.map(({ value }) => value)
  }

  /** A fetch of whole batches from `from`, of at most `count` of them. */
  fetch(from: number, count: number) {
    const records = Buffer.concat(this.batches.slice(from, from + count))
    // The broker names every aborted transaction that overlaps the range.
    const aborted = this.aborted.filter(
      ({ firstOffset, markerOffset }) => markerOffset >= from && firstOffset < from + count
    )
    return {
      topic: "t",
      partition: 0,
      errorCode: 0,
      highWatermark: this.end,
      lastStableOffset: this.end,
      aborted,
      records
    }
  }
}

/** Reads the whole log in fetches of varying size. */
const readAll = (log: Log, fetchSize: () => number): ReadonlyArray<string> => {
  const fetched = Fetched.make({ topic: "t", partition: 0 }, 0)
  const records: Array<KafkaRecord> = []
  while (fetched.takeOffset < log.end) {
    Fetched.append(fetched, log.fetch(fetched.fetchOffset, fetchSize()), true, 0)
    while (fetched.chunks.length > 0) Fetched.take(fetched, true, 1, true, records)
  }
  return records.map(({ value }) => Buffer.from(value!).toString())
}

describe("reading committed", () => {
  it("delivers only the commits of one producer that aborts and commits in turn", () => {
    const log = new Log()
    for (const [index, commit] of [false, false, true, false, false, true].entries()) {
      log.data(1n, `${commit ? "commit" : "abort"}${index}`)
      log.marker(1n, commit)
    }
    expect(readAll(log, () => 100)).toEqual(["commit2", "commit5"])
  })

  it("skips an aborted transaction whose marker is in a later fetch", () => {
    const log = new Log()
    log.data(1n, "a")
    log.data(1n, "b")
    log.plain("c")
    log.marker(1n, false)
    log.data(1n, "d")
    log.marker(1n, true)
    expect(readAll(log, () => 1)).toEqual(["c", "d"])
  })

  it("delivers exactly the committed records, in order, for any interleaving and any cut of the fetches", () => {
    for (const seed of seeds(400)) {
      const random = seeded(seed)
      const log = new Log()
      for (let n = 0; n < 60; n++) {
        const producer = BigInt(1 + random.int(4))
        if (random.chance(0.3)) log.marker(producer, random.chance(0.5))
        else if (random.chance(0.2)) log.plain(`p${n}`)
        else log.data(producer, `v${n}`)
      }
      for (const producer of [1n, 2n, 3n, 4n]) log.marker(producer, random.chance(0.5))
      expect(
        readAll(log, () => 1 + random.int(20)),
        `seed ${seed}`
      ).toEqual(log.visible())
    }
  })

  it("moves past markers and aborted records although there is nothing to deliver", () => {
    const log = new Log()
    log.data(1n, "a")
    log.marker(1n, false)
    const fetched = Fetched.make({ topic: "t", partition: 0 }, 0)
    const records: Array<KafkaRecord> = []
    Fetched.append(fetched, log.fetch(0, 10), true, 0)
    Fetched.take(fetched, true, 10_000, true, records)
    expect({ records, next: fetched.takeOffset }).toEqual({ records: [], next: 2 })
  })

  it("delivers aborted records to a reader of uncommitted data, and never a marker", () => {
    const log = new Log()
    log.data(1n, "a")
    log.marker(1n, false)
    log.plain("b")
    const fetched = Fetched.make({ topic: "t", partition: 0 }, 0)
    const records: Array<KafkaRecord> = []
    Fetched.append(fetched, log.fetch(0, 10), false, 0)
    Fetched.take(fetched, false, 10_000, true, records)
    expect(records.map(({ offset }) => offset)).toEqual([0, 2])
  })
})

describe("a batch that was damaged on its way", () => {
  it("is never delivered; what came before it is", () => {
    const log = new Log()
    for (const value of ["a", "b", "c"]) log.plain(value)
    log.batches[1]![log.batches[1]!.length - 2]! ^= 1 // within its value
    const fetched = Fetched.make({ topic: "t", partition: 0 }, 0)
    const records: Array<KafkaRecord> = []
    Fetched.append(fetched, log.fetch(0, 10), true, 0)
    expect(() => Fetched.take(fetched, true, 10_000, true, records)).toThrow("the batch at offset 1 fails its checksum")
    expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(["a"])
  })
})
