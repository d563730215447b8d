import { Result } from "effect"
import { byteReader, type CsvReader } from "./reader.ts"
import type { SplitLimits } from "./split.ts"

type Recode = { push(chunk: Uint8Array): Uint8Array; end(): Uint8Array }

const nothing = new Uint8Array(0)
const asIs: Recode = { push: (chunk) => chunk, end: () => nothing }

/** UTF-16 to UTF-8; the decoder drops the byte order mark. */
const recode = (order: "le" | "be"): Recode => {
  const decoder = new TextDecoder(`utf-16${order}`)
  const encoder = new TextEncoder()
  return {
    push: (chunk) => encoder.encode(decoder.decode(chunk, { stream: true })),
    end: () => encoder.encode(decoder.decode())
  }
}

/** The first two bytes tell UTF-16 from everything else. */
const choose = (bytes: Uint8Array): Recode =>
  bytes[0] === 0xff && bytes[1] === 0xfe ? recode("le") : bytes[0] === 0xfe && bytes[1] === 0xff ? recode("be") : asIs

/** A file of which no byte has been read. UTF-16 with a byte order mark becomes UTF-8 on the way; all else stays as it is. */
export const csvReader = (limits?: SplitLimits): CsvReader => {
  const reader = byteReader(limits)
  let recoding: Recode | undefined
  let first: Uint8Array = nothing

  return {
    push: (chunk) => {
      if (recoding !== undefined) return reader.push(recoding.push(chunk))
      const bytes = new Uint8Array([...first, ...chunk.subarray(0, 2 - first.length)])
      const rest = chunk.subarray(2 - first.length)
      first = bytes
      if (bytes.length < 2) return Result.succeed([])
      recoding = choose(bytes)
      const { push } = recoding
      return Result.flatMap(reader.push(push(bytes)), (parts) =>
        Result.map(reader.push(push(rest)), (more) => [...parts, ...more])
      )
    },
    end: () => {
      const last = recoding === undefined ? first : recoding.end()
      return Result.flatMap(reader.push(last), (parts) =>
        Result.map(reader.end(), (file) => ({ ...file, parts: [...parts, ...file.parts] }))
      )
    }
  }
}
