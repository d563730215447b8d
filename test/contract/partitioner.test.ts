import { describe, expect, it } from "vitest"
import { murmur2, partitionFor } from "../../src/kafka/partitioner.ts"

/** The first are the vectors of the Java client's own test (UtilsTest#testMurmur2); it computed the others, too (Kafka 4.1). */
const vectors: ReadonlyArray<readonly [key: string, bytes: Uint8Array, hash: number]> = [
  ["21", Buffer.from("21"), -973932308],
  ["foobar", Buffer.from("foobar"), -790332482],
  ["24 letters", Buffer.from("a-little-bit-long-string"), -985981536],
  ["26 letters", Buffer.from("a-little-bit-longer-string"), -1486304829],
  ["48 letters", Buffer.from("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971],
  ["abc", Buffer.from("abc"), 479470107],
  ["nothing", Uint8Array.from([]), 275646681],
  ["one byte that Java calls negative", Uint8Array.from([255]), -311467685],
  ["two of them", Uint8Array.from([128, 254]), 1316928818],
  ["three of them", Uint8Array.from([255, 254, 253]), 998637092],
  ["four of them", Uint8Array.from([255, 254, 253, 252]), 2136149935],
  ["UTF-8", Buffer.from("schlüssel-€"), -393208376]
]

describe("partitioner", () => {
  it.each(vectors)("hashes %s as the Java client does", (_, key, hash) => {
    expect(murmur2(key)).toBe(hash)
  })

  it.each(vectors)("takes the hash of %s without its sign modulo the partitions", (_, key, hash) => {
    const positive = BigInt.asUintN(31, BigInt(hash))
    for (const partitions of [1, 7, 12, 1000]) {
      expect(partitionFor(key, partitions)).toBe(Number(positive % BigInt(partitions)))
    }
  })
})
