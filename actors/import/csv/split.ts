import { Result } from "effect"
import type { Dialect } from "./dialect.ts"
import { NotCsv } from "./not-csv.ts"
import { cr, fieldStart, lf, quote, quoted, scanByte, type ScanState } from "./scan.ts"

/** Why a stretch of the file is no row. */
export type RejectReason = "too-long" | "quote-not-closed"

/** Some whole records of the file, as uploaded; or one that can be no row, with the reason. */
export interface Part {
  readonly bytes: Uint8Array
  /** The number of its first record in the file, the header being 1 and empty lines counted. */
  readonly row: number
  /** Records that are not empty lines. */
  readonly rows: number
  readonly reject?: RejectReason
}

/** A part is closed by the record that reaches one of the first two; with `rowBytes` on top it fits a Kafka record. */
export interface SplitLimits {
  /** Default 96 KiB. */
  readonly partBytes: number
  /** Default 4,000. */
  readonly partRows: number
  /** A longer record is rejected. Default 160 KiB. */
  readonly rowBytes: number
  /** How much of a record that is too long is kept. Default 1 KiB. */
  readonly excerptBytes: number
  /** Quotes that never close cost a second look at what follows: more of them than this is no CSV. Default 100. */
  readonly unclosedQuotes: number
}

export const splitLimits: SplitLimits = {
  partBytes: 96 * 1024,
  partRows: 4_000,
  rowBytes: 160 * 1024,
  excerptBytes: 1024,
  unclosedQuotes: 100
}

export interface Splitter {
  /** The parts that became whole with these bytes. */
  push(chunk: Uint8Array): Result.Result<ReadonlyArray<Part>, NotCsv>
  /** What is left at the end of the file. */
  end(): Result.Result<ReadonlyArray<Part>, NotCsv>
}

/**
 * Cuts the rows of a file into parts at record boundaries, in constant memory and one pass. Parts do not depend on how the
 * bytes were chunked, and together they are the file, but for stretches of empty lines and what is too long to be a row.
 *
 * A quote that never closes (within `rowBytes`, or by the end) spoils only its own line: that line is rejected, and reading goes
 * on with the next.
 *
 * @param row the number of the first record
 */
export const splitter = (
  dialect: Pick<Dialect, "delimiter" | "terminator">,
  row: number,
  limits: SplitLimits = splitLimits
): Splitter => {
  const delimiter = dialect.delimiter.charCodeAt(0)
  const terminator = dialect.terminator === "lf" ? lf : cr
  // The part being collected, from 0; at most one record beyond its limit.
  const buffer = new Uint8Array(limits.partBytes + limits.rowBytes + 1)
  let filled = 0
  let scanned = 0
  let state: ScanState = fieldStart
  /** Where the current record begins, and where its first line ends if that is inside a quote. */
  let record = 0
  let firstLineEnd = 0
  let records = 0
  let rows = 0
  let discarding = false
  let unclosed = 0
  let parts: Array<Part> = []

  const emit = (length: number, rowCount: number, reject?: RejectReason): void => {
    if (rowCount === 0) return // empty lines only
    const part = { bytes: buffer.slice(0, length), row, rows: rowCount }
    parts.push(reject === undefined ? part : { ...part, reject })
  }
  /** Drops what came before `end`. */
  const shift = (end: number, recordCount: number): void => {
    buffer.copyWithin(0, end, filled)
    filled -= end
    scanned -= end
    record = 0
    firstLineEnd = 0
    row += recordCount
    records = 0
    rows = 0
  }
  const closePart = (): void => {
    const end = record
    emit(end, rows)
    shift(end, records)
  }
  /** `""` alone counts as empty: csv-parse cannot tell the two apart. */
  const isEmptyLine = (end: number): boolean =>
    end === record || (end === record + 2 && buffer[record] === quote && buffer[record + 1] === quote)
  const endRecord = (contentEnd: number): void => {
    records++
    if (!isEmptyLine(contentEnd)) rows++
    record = scanned
    firstLineEnd = 0
    state = fieldStart
    if (record >= limits.partBytes || rows >= limits.partRows) closePart()
  }
  /** The record ends with the terminator just read; a carriage return before a line feed belongs to it. */
  const endLine = (): void => {
    const end = scanned - 1
    endRecord(terminator === lf && end > record && buffer[end - 1] === cr ? end - 1 : end)
  }
  /** The record's first line, up to `end`, is rejected alone; what follows it is read again as records of their own. */
  const rejectLine = (end: number, reason: RejectReason): void => {
    const length = end - record
    closePart()
    emit(Math.min(length, limits.excerptBytes), 1, reason)
    scanned = length
    shift(length, 1)
    state = fieldStart
  }
  const tooLong = (): void => {
    discarding = firstLineEnd === 0
    if (discarding) return rejectLine(scanned, "too-long")
    unclosed++
    rejectLine(firstLineEnd, "quote-not-closed")
  }
  /** Each quote that never closes may have cost a scan of `rowBytes`. */
  const isHopeless = (): boolean => unclosed > limits.unclosedQuotes
  const scan = (): void => {
    while (scanned < filled && !isHopeless()) {
      const byte = buffer[scanned++]!
      if (discarding) {
        if (byte === terminator) {
          discarding = false
          shift(scanned, 0)
        }
        continue
      }
      if (byte === terminator && state !== quoted) endLine()
      else {
        if (byte === terminator && firstLineEnd === 0) firstLineEnd = scanned
        state = scanByte(state, byte, delimiter)
        if (scanned - record > limits.rowBytes) tooLong()
      }
    }
    if (discarding) shift(filled, 0)
  }
  const answer = (): Result.Result<ReadonlyArray<Part>, NotCsv> => {
    if (isHopeless()) {
      return Result.fail(new NotCsv({ message: `more than ${limits.unclosedQuotes} quotes are never closed` }))
    }
    const whole = parts
    parts = []
    return Result.succeed(whole)
  }

  return {
    push: (chunk) => {
      for (let taken = 0; taken < chunk.length && !isHopeless();) {
        const length = Math.min(buffer.length - filled, chunk.length - taken)
        buffer.set(chunk.subarray(taken, taken + length), filled)
        filled += length
        taken += length
        scan()
      }
      return answer()
    },
    end: () => {
      while (state === quoted && !isHopeless()) {
        unclosed++
        rejectLine(firstLineEnd > 0 ? firstLineEnd : filled, "quote-not-closed")
        scan()
      }
      if (record < filled && !discarding) endRecord(filled)
      closePart()
      return answer()
    }
  }
}
