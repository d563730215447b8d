import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readRecords } from "../../../actors/import/csv/records.ts"
import { type Part, type SplitLimits, splitLimits, splitter } from "../../../actors/import/csv/split.ts"
import { random } from "./random.ts"

const utf8 = new TextEncoder()
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const lf = { delimiter: ",", terminator: "lf" } as const
const small: SplitLimits = { partBytes: 24, partRows: 3, rowBytes: 40, excerptBytes: 8, unclosedQuotes: 100 }

const split = (
  file: string,
  chunks: ReadonlyArray<number> = [file.length],
  limits = splitLimits,
  dialect: { delimiter: "," | ";"; terminator: "lf" | "cr" } = lf
) => {
  const it = splitter(dialect, 2, limits)
  const bytes = utf8.encode(file)
  const parts: Array<Part> = []
  let at = 0
  for (const length of chunks) {
    parts.push(...Result.getOrThrow(it.push(bytes.subarray(at, at + length))))
    at += length
  }
  if (at < bytes.length) parts.push(...Result.getOrThrow(it.push(bytes.subarray(at))))
  return [...parts, ...Result.getOrThrow(it.end())]
}
const shown = (parts: ReadonlyArray<Part>) => parts.map((part) => ({ ...part, bytes: text(part.bytes) }))
const rowsOf = (part: Part, terminator: "lf" | "cr" = "lf") =>
  readRecords(part.bytes, { delimiter: ",", terminator, encoding: "utf-8" }).filter(
    (record) => record.join() !== "" || record.length > 1
  )

/** A file of the bytes that matter, quoted well and badly. */
const soup = (next: (n: number) => number, pieces: ReadonlyArray<string>) =>
  Array.from({ length: 5 + next(60) }, () => pieces[next(pieces.length)]!).join("")
const pieces = ["a", "b@x.example", '"', '""', '"a\nb"', ",", ",", "\n", "\n", "\r\n", "\r", ";", "é"]
const chunking = (next: (n: number) => number) => Array.from({ length: 40 }, () => next(6))

describe("the splitter", () => {
  it("cuts a file at the same places, however its bytes were chunked", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed)
      const file = soup(next, pieces)
      const whole = shown(split(file, undefined, small))
      assert.deepStrictEqual(shown(split(file, chunking(next), small)), whole, `seed ${seed}`)
      assert.deepStrictEqual(
        shown(split(file, Array(file.length * 2).fill(1), small)),
        whole,
        `seed ${seed}, byte by byte`
      )
    }
  })

  it("loses no byte of rows that are well quoted", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed)
      const file = soup(next, ["a,b@x.example\n", '"x\n""y""",b\r\n', 'é;,""\n', ",\n"])
      assert.strictEqual(
        split(file, chunking(next), small)
          .map((part) => text(part.bytes))
          .join(""),
        file,
        `seed ${seed}`
      )
    }
  })

  for (const terminator of ["lf", "cr"] as const) {
    it(`counts the rows that csv-parse reads in each part, also where quoting is malformed (${terminator})`, () => {
      for (let seed = 1; seed <= 200; seed++) {
        const file = soup(random(seed), pieces)
        for (const part of split(file, undefined, small, { delimiter: ",", terminator })) {
          if (part.reject === undefined)
            assert.strictEqual(rowsOf(part, terminator).length, part.rows, `seed ${seed}: ${JSON.stringify(file)}`)
        }
      }
    })
  }

  it("keeps a record with embedded newlines whole", () => {
    const parts = split('a,"1\n2\n3\n4\n5"\nb,6\n', undefined, { ...small, partBytes: 4 })
    assert.deepStrictEqual(
      parts.map((part) => text(part.bytes)),
      ['a,"1\n2\n3\n4\n5"\n', "b,6\n"]
    )
  })

  it("numbers rows through the file, empty lines counted", () => {
    const parts = split("a\n\nb\nc\nd\n", undefined, { ...small, partRows: 2 })
    assert.deepStrictEqual(
      parts.map(({ row, rows }) => ({ row, rows })),
      [
        { row: 2, rows: 2 },
        { row: 5, rows: 2 }
      ]
    )
  })

  it("makes no part of empty lines only", () => {
    assert.deepStrictEqual(split('\n\r\n\n""\n'.repeat(50), undefined, small), [])
  })

  it("ends the last row without a line end", () => {
    assert.deepStrictEqual(shown(split("a,1\nb,2")), [{ bytes: "a,1\nb,2", row: 2, rows: 2 }])
  })

  it("rejects a row that is longer than a record may be, with its beginning, and goes on", () => {
    assert.deepStrictEqual(shown(split(`a\n${"x".repeat(100)}\nb\n`, undefined, small)), [
      { bytes: "a\n", row: 2, rows: 1 },
      { bytes: "xxxxxxxx", row: 3, rows: 1, reject: "too-long" },
      { bytes: "b\n", row: 4, rows: 1 }
    ])
  })

  it("spoils one line only where a quote never closes", () => {
    assert.deepStrictEqual(shown(split(`a\n"x,1\n${"b,2\n".repeat(5)}`, undefined, { ...small, partRows: 9 })), [
      { bytes: "a\n", row: 2, rows: 1 },
      { bytes: '"x,1\n', row: 3, rows: 1, reject: "quote-not-closed" },
      { bytes: "b,2\n".repeat(5), row: 4, rows: 5 }
    ])
  })

  it("spoils one line only where the quote is still open at the limit of a row", () => {
    const parts = split(`"x,1\n${"b,2\n".repeat(30)}`, undefined, small)
    assert.deepStrictEqual(shown(parts)[0], { bytes: '"x,1\n', row: 2, rows: 1, reject: "quote-not-closed" })
    assert.strictEqual(
      parts.reduce((rows, part) => rows + part.rows, 0),
      31
    )
  })

  it("gives up on a file whose quotes never close, before it costs more than reading it", () => {
    const it = splitter(lf, 2, { ...small, unclosedQuotes: 3 })
    const answer = it.push(utf8.encode('x"y,"z\n'.repeat(1_000)))
    assert.isTrue(Result.isFailure(answer))
  })

  it("never makes a part larger than a Kafka record may be", () => {
    const next = random(7)
    const file = Array.from({ length: 400 }, () => "r".repeat(next(4_000)) + "\n").join("")
    for (const part of split(file, [100_000, 1, 65_536], { ...splitLimits, partBytes: 9_000, rowBytes: 3_000 })) {
      assert.isAtMost(part.bytes.length, 12_001)
    }
  })
})
