import type { Columns } from "./csv/dialect.ts"

/** What is kept of a row. Empty fields are "". */
export interface ContactFields {
  readonly name: string
  readonly company: string
  readonly phone: string
}

/** `a@x.example ::: b@x.example`: how Google writes several values into one field. */
const googleSeparator = " ::: "

/** Longest address that can be delivered to (RFC 5321: a path of 256 octets, less its brackets). */
const maxAddress = 254
const maxLocal = 64
/** No text of a contact is longer; the rest is cut off. */
const maxText = 1_000

/**
 * A dotted local part without quoting, and a domain with a dot; letters of any script. U+FFFD stands for bytes that were not
 * text. No nested repetition: linear on any input.
 */
const address = /^[^\s@"(),:;<>[\]\\\p{Cc}\ufffd]+@[\p{L}\p{N}\p{M}-]+(?:\.[\p{L}\p{N}\p{M}-]+)+$/u
const named = /<([^<>]*)>\s*$/

/**
 * The form under which an address is one contact: trimmed, `mailto:` and a display name taken off, in lower case, NFC. Undefined
 * where it is no address that mail could be sent to.
 */
export const normalizeEmail = (field: string): string | undefined => {
  if (field.length > maxText) return undefined
  const bare = (named.exec(field)?.[1] ?? field).trim().replace(/^mailto:/i, "")
  const email = bare.normalize("NFC").toLowerCase()
  const local = email.indexOf("@")
  if (email.length > maxAddress || local > maxLocal || !address.test(email)) return undefined
  return email.startsWith(".") || email.includes("..") || email[local - 1] === "." ? undefined : email
}

const text = (record: ReadonlyArray<string>, columns: ReadonlyArray<number>): string => {
  for (const column of columns) {
    const field = record[column]
    if (field === undefined || field === "") continue
    const value = field.split(googleSeparator, 1)[0]!.trim()
    if (value !== "") return value.slice(0, maxText)
  }
  return ""
}

export type EmailFound = { readonly email: string } | { readonly reject: "no e-mail" | "not an e-mail address" }

/** The first usable address of the record's e-mail columns. */
export const findEmail = (record: ReadonlyArray<string>, columns: Columns): EmailFound => {
  let filled = false
  for (const column of columns.email) {
    const field = record[column]
    if (field === undefined || field.trim() === "") continue
    filled = true
    const candidates = field.includes(googleSeparator) ? field.split(googleSeparator) : [field]
    for (const candidate of candidates) {
      const email = normalizeEmail(candidate)
      if (email !== undefined) return { email }
    }
  }
  return { reject: filled ? "not an e-mail address" : "no e-mail" }
}

export const contactFields = (record: ReadonlyArray<string>, columns: Columns): ContactFields => ({
  name:
    text(record, columns.fullName) ||
    [text(record, columns.givenName), text(record, columns.familyName)].filter((part) => part !== "").join(" "),
  company: text(record, columns.company),
  phone: text(record, columns.phone)
})
