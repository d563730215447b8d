import { Effect } from "effect"
import { refuse } from "../../src/index.ts"

/** Headers that make a write conditional (RFC 9110, 13.1), as far as a version can meet them. */
export type Precondition =
  /** `If-None-Match: *`: only where there is no value. */
  | "absent"
  /** `If-Match: *`: only where there is a value, at any version. */
  | "present"
  /** `If-Match`: only at one of these versions. Empty: tags that are no version of anything. */
  | ReadonlySet<number>

const entityTag = /^(W\/)?"([\x21\x23-\x7e]*)"$/
const version = /^[1-9]\d{0,14}$/

export const entityTagOf = (version: number): string => `"${version}"`

/** The versions named by a list of entity tags; undefined where it is no such list. Weak ones never match a write. */
const versionsIn = (tags: string, isWeakEnough: boolean): ReadonlySet<number> | undefined => {
  const found = tags.split(",").map((tag) => entityTag.exec(tag.trim()))
  if (found.includes(null)) return undefined
  const strong = found.flatMap((tag) =>
    version.test(tag![2]!) && (isWeakEnough || tag![1] === undefined) ? [tag![2]!] : []
  )
  return new Set(strong.map(Number))
}

/** The precondition of a write; undefined: none. Fails with `InvalidRequest` where it cannot be read or means nothing here. */
export const preconditionOf = Effect.fnUntraced(function* (headers: Readonly<Record<string, string | undefined>>) {
  const [match, noneMatch] = [headers["if-match"]?.trim(), headers["if-none-match"]?.trim()]
  if (match !== undefined && noneMatch !== undefined) {
    return yield* refuse("InvalidRequest", "If-Match and If-None-Match together mean nothing here")
  }
  if (noneMatch !== undefined) {
    return noneMatch === "*" ? "absent" : yield* refuse("InvalidRequest", "a write takes If-None-Match: * only")
  }
  if (match === undefined) return undefined
  if (match === "*") return "present"
  return versionsIn(match, false) ?? (yield* refuse("InvalidRequest", `If-Match: "3" was expected, in quotes`))
})

/** Whether a reader has this version already (`If-None-Match`). */
export const isKnown = (noneMatch: string | undefined, version: number): boolean =>
  noneMatch !== undefined && (noneMatch.trim() === "*" || versionsIn(noneMatch, true)?.has(version) === true)
