import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto"
import type { KeyObject } from "node:crypto"

/** What is signed: a label keeps a signature of one kind from passing for another. */
export type Label = "channel" | "token" | "cursor"

const prepared = new WeakMap<Uint8Array, KeyObject>()

/** Node looks long at bytes to find out what kind of key they are. */
const keyOf = (bytes: Uint8Array): KeyObject => {
  let key = prepared.get(bytes)
  if (key === undefined) prepared.set(bytes, (key = createSecretKey(bytes)))
  return key
}

/** HMAC-SHA-256, cut to `length` bytes. Every part but the last has a fixed length, so parts cannot run into each other. */
export const sign = (
  key: Uint8Array,
  label: Label,
  length: number,
  ...parts: ReadonlyArray<Uint8Array | string>
): Buffer => {
  const mac = createHmac("sha256", keyOf(key)).update(`sixfold.${label}\0`)
  for (const part of parts) mac.update(part)
  return mac.digest().subarray(0, length)
}

/** Whether some key signed it; in constant time per key. */
export const isSigned = (
  keys: ReadonlyArray<Uint8Array>,
  label: Label,
  mac: Uint8Array,
  ...parts: ReadonlyArray<Uint8Array | string>
): boolean => {
  let found = false
  for (const key of keys) found = timingSafeEqual(sign(key, label, mac.length, ...parts), mac) || found
  return found
}

/** Bytes of exactly this length, from their only base64url spelling. */
export const fromBase64Url = (text: string, length: number): Buffer | undefined => {
  if (text.length > length * 2) return undefined
  const bytes = Buffer.from(text, "base64url")
  return bytes.length === length && bytes.toString("base64url") === text ? bytes : undefined
}
