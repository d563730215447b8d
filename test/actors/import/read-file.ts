import { Result } from "effect"
import { readFileSync } from "node:fs"
import { csvReader } from "../../../actors/import/csv/file.ts"
import { readPart, type RowOutcome } from "../../../actors/import/part.ts"

export const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/contacts/${name}`, import.meta.url)))

/** A file as an import sees it: dialect, and the outcome of every row. */
export const readFile = (bytes: Uint8Array, chunk = bytes.length || 1) => {
  const reader = csvReader()
  const parts = []
  for (let at = 0; at < bytes.length; at += chunk) {
    const pushed = reader.push(bytes.subarray(at, at + chunk))
    if (Result.isFailure(pushed)) return { refused: pushed.failure.message }
    parts.push(...pushed.success)
  }
  const end = reader.end()
  if (Result.isFailure(end)) return { refused: end.failure.message }
  const { dialect } = end.success
  const outcomes: ReadonlyArray<RowOutcome> = [...parts, ...end.success.parts].flatMap((part) => {
    const { bytes, ...claim } = part
    const rows = readPart(bytes, { ...claim, partition: 0, offset: 0 }, dialect)
    if (rows.length !== part.rows) throw new Error(`a part of ${part.rows} rows was read as ${rows.length}`)
    return rows
  })
  return { dialect, outcomes, parts: [...parts, ...end.success.parts] }
}

/** Name by e-mail, and reasons by row number. */
export const summary = (bytes: Uint8Array, chunk?: number) => {
  const file = readFile(bytes, chunk)
  if (file.refused !== undefined) throw new Error(file.refused)
  const contacts: Record<string, string> = {}
  const rejects: Record<number, string> = {}
  for (const outcome of file.outcomes) {
    if ("email" in outcome) {
      const { company, name, phone } = outcome.contact
      contacts[outcome.email] = [name, company, phone].filter((text) => text !== "").join(" | ")
    } else rejects[outcome.row] = outcome.reason
  }
  return { contacts, rejects }
}

/** Why the file is refused; "" where it is not. */
export const refusal = (bytes: Uint8Array): string => readFile(bytes).refused ?? ""
