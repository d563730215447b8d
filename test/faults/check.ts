import { expect } from "vitest"
import type { Sent } from "./load.ts"

const ascending = (numbers: ReadonlyArray<number>) =>
  numbers.every((n, index) => index === 0 || numbers[index - 1]! < n)

/** Nothing acknowledged is missing, nothing is there twice, and each partition is in the order sent. */
export const expectWritten = (sent: Sent, partitions: ReadonlyArray<ReadonlyArray<number>>): void => {
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

/** Every record of the input is in the output once, in the same order. */
export const expectCopied = (
  input: ReadonlyArray<ReadonlyArray<number>>,
  output: ReadonlyArray<ReadonlyArray<number>>
): void => {
  output.forEach((copied, partition) => {
    expect(new Set(copied).size, `partition ${partition}: twice`).toBe(copied.length)
    expect(copied, `partition ${partition}`).toEqual(input[partition])
  })
}
