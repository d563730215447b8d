import { Schema } from "effect"

/** An import's id is a UUIDv7 (RFC 9562): it tells when its upload began. */
const uuid7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export const ImportId = Schema.String.check(Schema.isPattern(uuid7, { expected: "a UUIDv7" }))

/** Milliseconds since the epoch at which the upload began; undefined where this is no import's id. */
export const uploadBegan = (importId: string): number | undefined => {
  const found = uuid7.exec(importId)
  return found === null ? undefined : Number.parseInt(found[1]! + found[2]!, 16)
}
