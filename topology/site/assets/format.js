// Numbers, times and foreign text as people read them.

const plain = new Intl.NumberFormat("en")
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })
const vast = new Intl.NumberFormat("en", { notation: "scientific", maximumFractionDigits: 3 })

/** A count in full; what nobody can read in full, as a power of ten, and what nobody knows as a dash. */
export const number = (n) => (n === undefined ? "–" : (Math.abs(n) < 1e15 ? plain : vast).format(n))

/** A count that has little room. */
export const compact = (n) => (Math.abs(n) < 10_000 ? plain : Math.abs(n) < 1e15 ? short : vast).format(n)

/** Per second. */
export const rate = (n) => (n === undefined ? "–" : `${n > 0 && n < 10 ? n.toFixed(1) : compact(Math.round(n))}/s`)

export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`

const steps = [
  [1_000, "s"],
  [60_000, "min"],
  [3_600_000, "h"],
  [86_400_000, "d"]
]

/** A length of time in its largest unit that still says something: 99 s, then 2 min. */
export const duration = (milliseconds) => {
  const length = Math.max(0, milliseconds)
  const [unit, name] = steps.findLast(([unit]) => length >= 2 * unit) ?? steps[0]
  return `${number(Math.floor(length / unit))} ${name}`
}

/** How long ago, or how long until; `iso` in ISO 8601. */
export const relative = (iso, now = Date.now()) => {
  const at = Date.parse(iso)
  if (Number.isNaN(at)) return "unknown"
  return at > now ? `in ${duration(at - now + 999)}` : `${duration(now - at)} ago`
}

const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" })
const ranges = { least: -8.64e15, most: 8.64e15 }

/** A moment in the reader's own time zone. */
export const when = (iso) => {
  const at = Date.parse(iso)
  return at >= ranges.least && at <= ranges.most ? moment.format(at) : "unknown"
}

/** Control and format characters: nobody's key may hide text or turn its direction. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Foreign text in one line, cut where it is long. */
export const clipped = (text, most = 80) => {
  const cut = text.length > most ? `${text.slice(0, most).toWellFormed()}… (${number(text.length)} characters)` : text
  return cut.replace(unsafe, (character) => `\\u{${character.codePointAt(0).toString(16)}}`)
}

const longestValue = 20_000

/** JSON for reading, cut where no page should show it all. */
export const pretty = (value) => {
  const text = typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? "")
  return text.length > longestValue
    ? `${text.slice(0, longestValue)}\n… (${number(text.length)} characters in all)`
    : text
}

/** A price from minor units, as far as the currency is known. */
export const money = (minor, currency) => {
  try {
    const format = new Intl.NumberFormat("en", { style: "currency", currency })
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2
    // As a decimal text: a division would round what is large.
    const text = BigInt(minor)
      .toString()
      .padStart(digits + 1, "0")
    const at = text.length - digits
    return format.format(digits === 0 ? text : `${text.slice(0, at)}.${text.slice(at)}`)
  } catch {
    return `${number(minor)} ${clipped(currency, 8)}`
  }
}
