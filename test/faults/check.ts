import { expect } from "vitest"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { exactly, javaReads } from "../broker/java-client.ts"
import { numberOf } from "./load.ts"
import type { Sent } from "./load.ts"

/** What a topic has, by partition. */
export type Content = ReadonlyArray<ReadonlyArray<KafkaRecord>>

const ascending = (numbers: ReadonlyArray<number>) =>
  numbers.every((n, index) => index === 0 || numbers[index - 1]! < n)

/** Nothing acknowledged is missing, nothing is there twice, and each partition is in the order sent. */
export const expectWritten = (sent: Sent, content: Content): void => {
  const partitions = content.map((records) => records.map(numberOf))
  const all = partitions.flat()
  const present = new Set(all)
  expect(
    [...sent.acknowledged].filter((n) => !present.has(n)),
    "acknowledged and lost"
  ).toEqual([])
  expect(all.length - present.size, "written twice").toBe(0)
  partitions.forEach((numbers, partition) => expect(ascending(numbers), `partition ${partition} in order`).toBe(true))
  expect(
    all.filter((n) => !sent.acknowledged.has(n) && !sent.failed.has(n)).length,
    "never answered, never failed"
  ).toBeLessThanOrEqual(20)
}

/** Every record of the input is in the output once, in the same order, byte for byte. */
export const expectCopied = (input: Content, output: Content): void => {
  output.forEach((copied, partition) => {
    const numbers = copied.map(numberOf)
    expect(new Set(numbers).size, `partition ${partition}: twice`).toBe(copied.length)
    expect(numbers, `partition ${partition}`).toEqual(input[partition]!.map(numberOf))
    const bytes = (record: KafkaRecord) => exactly({ ...record, offset: 0 })
    expect(copied.map(bytes), `partition ${partition}, its bytes`).toEqual(input[partition]!.map(bytes))
  })
}

/** Java's read-committed consumer sees the same. */
export const expectAgreed = async (bootstrap: string, topic: string, content: Content): Promise<void> => {
  const seen = await javaReads(bootstrap, topic, content.flat().length)
  content.forEach((records, partition) => {
    expect((seen.get(partition) ?? []).map(exactly), `partition ${partition}, as Java reads it`).toEqual(
      records.map(exactly)
    )
  })
}
