import { expect, it } from "@effect/vitest"
import { describe } from "vitest"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { doneRecord } from "../../src/runtime/deadLetter.ts"
import { TopicLetters } from "../../src/supervision/deadLetters.ts"

const letter = (offset: number): KafkaRecord => ({
  offset,
  timestamp: 0,
  key: null,
  value: new Uint8Array(1),
  headers: []
})
const done = (offset: number, of: number): KafkaRecord => ({
  ...doneRecord({ topic: "t", partition: 0, key: null }, of, "discard", 0),
  offset
})

describe("the open letters of a topic", () => {
  it("are ordered by partition and offset, without those done with", () => {
    const letters = new TopicLetters()
    letters.take({ partition: 1, records: [letter(0), letter(5)] })
    letters.take({ partition: 0, records: [letter(3), letter(4), done(6, 3)] })
    expect(letters.behind(undefined, 10)).toEqual([
      { partition: 0, offset: 4 },
      { partition: 1, offset: 0 },
      { partition: 1, offset: 5 }
    ])
    expect(letters.behind({ partition: 1, offset: 0 }, 10)).toEqual([{ partition: 1, offset: 5 }])
    expect(letters.behind(undefined, 1)).toHaveLength(1)
    expect(letters.count).toBe(3)
  })

  it("are counted also beyond what is listed", () => {
    const letters = new TopicLetters(2)
    letters.take({ partition: 0, records: [letter(0), letter(1), letter(2), letter(3), done(4, 0), done(5, 3)] })
    expect(letters.count).toBe(2)
    expect(letters.behind(undefined, 10)).toEqual([{ partition: 0, offset: 1 }])
  })
})
