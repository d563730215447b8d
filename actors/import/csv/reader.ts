import { Result } from "effect"
import type { Dialect } from "./dialect.ts"
import { countUtf8, decideEncoding, type Utf8Count } from "./encoding.ts"
import type { NotCsv } from "./not-csv.ts"
import { maxHeaderBytes, sniff, type Sniffed } from "./sniff.ts"
import { type Part, type SplitLimits, splitLimits, type Splitter, splitter } from "./split.ts"

/** A whole file, as known when its last byte has been read. */
export interface FileEnd {
  readonly parts: ReadonlyArray<Part>
  readonly dialect: Dialect
}

/** Reads one CSV file of any size, chunk by chunk, in constant memory. */
export interface CsvReader {
  /** The parts that became whole with these bytes. */
  push(chunk: Uint8Array): Result.Result<ReadonlyArray<Part>, NotCsv>
  /** The file has no more bytes. */
  end(): Result.Result<FileEnd, NotCsv>
}

const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const joined = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}

/** A file in UTF-8 or Windows-1252: byte order mark and header first, then parts at record boundaries. Bytes stay as they are. */
export const byteReader = (limits: SplitLimits = splitLimits): CsvReader => {
  let head: Array<Uint8Array> = []
  let headLength = 0
  let sniffAt = 16
  let body: { readonly sniffed: Sniffed; readonly splitter: Splitter } | undefined
  let count: Utf8Count = { wellFormed: 0, illFormed: 0 }

  const observe = (bytes: Uint8Array): void => {
    const seen = countUtf8(bytes)
    count = { wellFormed: count.wellFormed + seen.wellFormed, illFormed: count.illFormed + seen.illFormed }
  }
  const observed = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
    for (const part of parts) if (part.reject === undefined) observe(part.bytes)
    return parts
  }
  /** The header is looked for at every doubling: one byte at a time must not cost its square. */
  const readHead = (whole: boolean): Result.Result<ReadonlyArray<Part>, NotCsv> => {
    if (headLength < sniffAt && !whole) return Result.succeed([])
    const bytes = concat(head)
    head = [bytes]
    sniffAt = Math.min(headLength * 2, Math.max(maxHeaderBytes, headLength + 1))
    return Result.flatMap(sniff(bytes, whole), (sniffed) => {
      if (sniffed === undefined) return Result.succeed([])
      head = []
      body = { sniffed, splitter: splitter(sniffed.dialect, sniffed.row + 1, limits) }
      observe(bytes.subarray(sniffed.marked ? 3 : 0, sniffed.length))
      return Result.map(body.splitter.push(bytes.subarray(sniffed.length)), observed)
    })
  }
  const dialect = (sniffed: Sniffed): Dialect => ({
    ...sniffed.dialect,
    encoding: sniffed.marked ? "utf-8" : decideEncoding(count)
  })

  return {
    push: (chunk) => {
      if (body !== undefined) return Result.map(body.splitter.push(chunk), observed)
      head.push(chunk)
      headLength += chunk.length
      return readHead(false)
    },
    end: () =>
      Result.flatMap(body === undefined ? readHead(true) : Result.succeed([]), (first) =>
        Result.map(body!.splitter.end(), (rest) => {
          const parts = [...first, ...observed(rest)]
          return { parts, dialect: dialect(body!.sniffed) }
        })
      )
  }
}
