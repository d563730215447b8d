import { compressionsAlgorithms, createRecordsBatch, Reader, readRecordsBatch } from "@platformatic/kafka"
import { describe, expect, it } from "vitest"
import {
  CorruptBatch,
  decodeRecords,
  openBatch,
  readHeader,
  takeRecords,
  verifyChecksum
} from "../../src/kafka/cluster/batch-decoder.ts"
import { at, beforeLength } from "../../src/kafka/cluster/batch-format.ts"
import { decompress, decompressedLimit } from "../../src/kafka/cluster/decompress.ts"
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
      const batch = encoded(anyRecords(random), compressions[random.int(compressions.length)])
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

  it("that breaks off among its records gives none of them", () => {
    const batch = encoded(anyRecords(seeded(11)))
    batch.writeInt32BE(batch.readInt32BE(at.count) + 1, at.count)
    sign(batch, identity)
    const into: Array<KafkaRecord> = []
    expect(() => decodeRecords(batch, readHeader(batch, 0)!, 0, into)).toThrow("the record ends too early")
    expect(into).toEqual([])
  })

  it.each(compressions)("taken in parts gives what it gives at once, compressed with %s", (compression) => {
    for (const seed of seeds(60)) {
      const random = seeded(seed)
      const records = anyRecords(random)
      const bytes = encoded(records, compression)
      const from = random.int(records.length)
      const open = openBatch(bytes, readHeader(bytes, 0)!)
      const into: Array<KafkaRecord> = []
      while (open.left > 0) {
        const [before, budget, must] = [into.length, random.int(2_000), random.chance(0.5)]
        const taken = takeRecords(open, from, budget, must, into)
        const part = into.length - before
        expect(taken <= budget || (must && part === 1), `seed ${seed}: ${taken} of ${budget}`).toBe(true)
        expect(part > 0 || !must, `seed ${seed}`).toBe(true)
      }
      expect(into, `seed ${seed}`).toEqual(decoded(bytes, from))
    }
  })
})

const codecs = (["gzip", "snappy", "lz4", "zstd"] as const).map((algorithm, n) => ({
  algorithm,
  compression: n + 1,
  compressSync: compressionsAlgorithms[algorithm].compressSync
}))

/** A batch whose records are these bytes, compressed so they say. */
const batchWith = (body: Buffer, compression: number) => {
  const batch = Buffer.concat([encoded(anyRecords(seeded(1))).subarray(0, at.records), body])
  batch.writeInt32BE(batch.length - beforeLength, at.length)
  batch.writeInt16BE(compression, at.attributes)
  sign(batch, identity)
  return batch
}

describe("what a compressed batch may grow to", () => {
  it.each(codecs)("has a limit for $algorithm: a batch beyond it is refused and not unpacked", (codec) => {
    const bomb = codec.compressSync(Buffer.alloc(decompressedLimit + 1))
    expect(bomb.length).toBeLessThan(decompressedLimit / 16)
    const before = process.memoryUsage().rss
    expect(() => decoded(batchWith(bomb, codec.compression))).toThrow(CorruptBatch)
    expect(process.memoryUsage().rss - before).toBeLessThan(decompressedLimit * 2)
  })

  it.each(codecs)("lets in for $algorithm what is within it, and nothing beyond", (codec) => {
    for (const size of [1_000, 70_000, 300_000, 5_000_000]) {
      const content = Buffer.alloc(size, "a")
      const packed = codec.compressSync(content)
      // LZ4 does not say how much its last block has.
      const enough = codec.algorithm === "lz4" ? 4 * size + 8_000_000 : size
      expect(decompress(codec.compression, packed, enough).equals(content)).toBe(true)
      expect(() => decompress(codec.compression, packed, size - 1)).toThrow(RangeError)
    }
  })

  it("counts all blocks that Java's producers write with Snappy", () => {
    const content = Buffer.alloc(40_000, "a")
    const block = compressionsAlgorithms.snappy.compressSync(content)
    const size = Buffer.alloc(4)
    size.writeUInt32BE(block.length)
    const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
    const packed = Buffer.concat([magic, size, block, size, block])
    expect(decompress(2, packed, 80_000).equals(Buffer.concat([content, content]))).toBe(true)
    expect(() => decompress(2, packed, 79_999)).toThrow(RangeError)
  })

  it("is not believed where a few bytes claim gigabytes", () => {
    const snappy = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x00])
    expect(() => decoded(batchWith(snappy, 2))).toThrow(/more than 67108864 bytes/)
    const lz4 = compressionsAlgorithms.lz4.compressSync(Buffer.alloc(1_000))
    const claiming = Buffer.concat([lz4.subarray(0, 6), Buffer.alloc(8, 0x0f), lz4.subarray(6)])
    claiming[4] = claiming[4]! | 0x08
    expect(() => decoded(batchWith(claiming, 3))).toThrow(/more than 67108864 bytes/)
  })

  it("is asked of all that is compressed: an unknown way is refused", () => {
    expect(() => decoded(batchWith(Buffer.alloc(10), 5))).toThrow("compression 5 is not known")
  })
})
