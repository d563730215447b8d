import { createRecordsBatch, Reader, readRecordsBatch } from "@platformatic/kafka"
import { describe, expect, it } from "vitest"
import { CorruptBatch, decodeRecords, readHeader, verifyChecksum } from "../../src/kafka/cluster/batch-decoder.ts"
import { RecordBatch, sign, sizeBound } from "../../src/kafka/cluster/batch-encoder.ts"
import * as Buffers from "../../src/kafka/cluster/buffers.ts"
import type { Compression } from "../../src/kafka/cluster/settings.ts"
import * as Varint from "../../src/kafka/cluster/varint.ts"
import type { Header, KafkaRecord, ProducerRecord } from "../../src/kafka/records.ts"
import { seeded, seeds } from "./seeded.ts"
import type { Seeded } from "./seeded.ts"

const compressions: ReadonlyArray<Compression> = ["none", "gzip", "snappy", "lz4", "zstd"]
const identity = { producerId: 4711n, producerEpoch: 3, baseSequence: 17 }

const anyRecord = (random: Seeded): ProducerRecord => ({
  topic: "t",
  partition: 0,
  key: random.chance(0.2) ? null : random.bytes(40),
  value: random.chance(0.2) ? null : random.bytes(random.chance(0.1) ? 20_000 : 300),
  headers: Array.from({ length: random.int(3) }, (): Header => [`héader-${random.int(100)}`, random.bytes(20)]),
  timestamp: random.chance(0.1) ? random.int(2 ** 31) * 1_000 : 1_790_000_000_000 + random.int(1_000_000) - 500_000
})

const anyRecords = (random: Seeded) => Array.from({ length: 1 + random.int(60) }, () => anyRecord(random))

const batchOf = (records: ReadonlyArray<ProducerRecord>, buffers = Buffers.make(0)) => {
  const batch = new RecordBatch(buffers, 0, false)
  for (const record of records) batch.append(record, sizeBound(record))
  return batch
}

const encoded = (records: ReadonlyArray<ProducerRecord>, compression: Compression = "none") => {
  const batch = batchOf(records).seal(compression)
  sign(batch, identity)
  return batch
}

const decoded = (bytes: Buffer, from = 0): ReadonlyArray<KafkaRecord> => {
  const header = readHeader(bytes, 0)!
  verifyChecksum(bytes, header)
  const records: Array<KafkaRecord> = []
  decodeRecords(bytes, header, from, records)
  return records
}

const plain = (bytes: Uint8Array | null) => bytes && [...bytes]
const content = ({ headers, key, timestamp, value }: Omit<ProducerRecord, "topic" | "partition">) => ({
  key: plain(key),
  value: plain(value),
  timestamp,
  headers: headers.map(([name, value]) => [name, plain(value)])
})

describe("varint", () => {
  it.each([
    0,
    -1,
    1,
    63,
    -64,
    64,
    8191,
    -8192,
    2 ** 30,
    -(2 ** 30) - 1,
    2 ** 31,
    2 ** 40,
    -(2 ** 40),
    2 ** 52 - 1,
    1 - 2 ** 52
  ])("keeps %d and announces its size", (value) => {
    const bytes = Buffer.alloc(12)
    const end = Varint.write(bytes, 0, value)
    expect(end).toBe(Varint.sizeOf(value))
    expect(new Varint.Cursor(bytes, 0, end).varint()).toBe(value)
  })
})

describe("a record batch", () => {
  it.each(compressions)("gives its records back, compressed with %s", (compression) => {
    for (const seed of seeds(60)) {
      const records = anyRecords(seeded(seed))
      const back = decoded(encoded(records, compression))
      expect(back.map(content), `seed ${seed}`).toEqual(records.map(content))
      expect(back.map(({ offset }) => offset)).toEqual(records.map((_, index) => index))
    }
  })

  it.each(compressions)("is read by another implementation, compressed with %s", (compression) => {
    for (const seed of seeds(20)) {
      const records = anyRecords(seeded(seed))
      const theirs = readRecordsBatch(Reader.from(encoded(records, compression)))
      expect(theirs).toMatchObject({ producerId: 4711n, producerEpoch: 3, firstSequence: 17, magic: 2 })
      const read = theirs.records.map(({ headers, key, timestampDelta, value }) => ({
        key: plain(key),
        value: plain(value),
        timestamp: Number(theirs.firstTimestamp + timestampDelta),
        headers: headers.map(([name, value]) => [String(name), plain(value as Buffer)])
      }))
      expect(read, `seed ${seed}`).toEqual(records.map(content))
    }
  })

  it("of another implementation is read", () => {
    const messages = [
      {
        topic: "t",
        key: Buffer.from("a"),
        value: Buffer.from("1"),
        timestamp: 1_790_000_000_000n,
        headers: new Map([[Buffer.from("h"), Buffer.from("x")]])
      },
      { topic: "t", key: Buffer.from("b"), value: null as never, timestamp: 1_790_000_000_005n, headers: new Map() }
    ]
    const back = decoded(createRecordsBatch(messages, { firstSequence: 0, producerId: 1n, producerEpoch: 0 }).buffer)
    expect(back.map(content)).toEqual([
      { key: [97], value: [49], timestamp: 1_790_000_000_000, headers: [["h", [120]]] },
      { key: [98], value: null, timestamp: 1_790_000_000_005, headers: [] }
    ])
  })

  it("is the same bytes but for its identity however often it is signed", () => {
    const records = anyRecords(seeded(5))
    const batch = encoded(records)
    const before = Buffer.from(batch)
    sign(batch, { ...identity, producerEpoch: 4 })
    expect(batch.equals(before)).toBe(false)
    sign(batch, identity)
    expect(batch.equals(before)).toBe(true)
  })

  it.each(compressions)("has the same records in its halves, compressed with %s", (compression) => {
    for (const seed of seeds(60)) {
      const records = [anyRecord(seeded(seed)), ...anyRecords(seeded(seed + 1_000))]
      const whole = batchOf(records)
      whole.seal(compression)
      const halves = whole.halves()
      const [first, second] = halves.map((half) => {
        const batch = half.seal(compression)
        sign(batch, identity)
        return decoded(batch)
      })
      expect(first!.length, `seed ${seed}`).toBe(records.length >> 1)
      expect([...first!, ...second!].map(content), `seed ${seed}`).toEqual(records.map(content))
      expect(halves[0].bytes + halves[1].bytes, `seed ${seed}`).toBe(whole.bytes)
    }
  })

  it("keeps its bytes while others are made in the buffers of those that are over", () => {
    for (const seed of seeds(5)) {
      const random = seeded(seed)
      const buffers = Buffers.make(200_000)
      const alive: Array<{ readonly batch: RecordBatch; readonly records: ReadonlyArray<ProducerRecord> }> = []
      for (let n = 0; n < 30; n++) {
        const records = anyRecords(random)
        alive.push({ batch: batchOf(records, buffers), records })
        if (random.chance(0.6)) continue
        const { batch, records: written } = alive.splice(random.int(alive.length), 1)[0]!
        const bytes = batch.seal(compressions[random.int(compressions.length)]!)
        sign(bytes, identity)
        expect(decoded(bytes).map(content), `seed ${seed}`).toEqual(written.map(content))
        batch.release()
      }
    }
  })

  it("begins where it is asked to", () => {
    const records = anyRecords(seeded(7))
    expect(decoded(encoded(records), 3).map(({ offset }) => offset)).toEqual(records.map((_, index) => index).slice(3))
  })

  it("is not read before it is whole", () => {
    const batch = encoded(anyRecords(seeded(3)))
    for (let length = 0; length < batch.length; length += 1 + (length >> 4))
      expect(readHeader(batch.subarray(0, length), 0)).toBeUndefined()
  })

  it("with any bit turned is refused, never misread", () => {
    for (const seed of seeds(300)) {
      const random = seeded(seed)
      const batch = encoded(anyRecords(random), compressions[random.int(compressions.length)])
      // The length field decides where the batch ends, the first offset and the leader's epoch are the broker's: outside the checksum.
      const position = 17 + random.int(batch.length - 17)
      batch[position] = batch[position]! ^ (1 << random.int(8))
      expect(() => decoded(batch), `seed ${seed}`).toThrow(CorruptBatch)
    }
  })

  it("with impossible contents is refused even where its checksum fits", () => {
    for (const seed of seeds(300)) {
      const random = seeded(seed)
      const batch = encoded(anyRecords(random), random.chance(0.5) ? "none" : "gzip")
      for (let n = 0; n < 8; n++) batch[61 + random.int(batch.length - 61)] = random.int(256)
      sign(batch, identity)
      let thrown: unknown
      try {
        decoded(batch)
      } catch (error) {
        thrown = error
      }
      // It may still be records, though others; never another kind of failure.
      expect(thrown === undefined || thrown instanceof CorruptBatch, `seed ${seed}`).toBe(true)
    }
  })
})
