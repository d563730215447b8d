import type { RetryHint, ServerFrame } from "./protocol.ts"

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null

const parse = (json: unknown): Fields | undefined => {
  if (typeof json !== "string") return undefined
  try {
    const value: unknown = JSON.parse(json)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const strings = (frame: Fields, ...names: ReadonlyArray<string>): boolean =>
  names.every((name) => typeof frame[name] === "string")

const isFrame = (frame: Fields): boolean => {
  switch (frame["type"]) {
    case "channel":
      return strings(frame, "channel", "token", "expires")
    case "subscribed":
      return strings(frame, "channel", "cursor", "token")
    case "status":
      return strings(frame, "channel", "cursor") && isObject(frame["event"]) && strings(frame["event"], "kind")
    case "gap":
      return strings(frame, "channel")
    case "error":
      return strings(frame, "error", "message")
    default:
      return false
  }
}

/** Nothing for what is no frame of the protocol; a newer server may send some that we do not know. */
export const decodeFrame = (data: unknown): ServerFrame | undefined => {
  const frame = parse(data)
  return frame !== undefined && isFrame(frame) ? (frame as unknown as ServerFrame) : undefined
}

/** Milliseconds, from the reason a restarting server gives; nothing for what is no hint. */
export const decodeHint = (reason: unknown): number | undefined => {
  const retry = (parse(reason) as Partial<RetryHint> | undefined)?.retry
  return typeof retry === "number" && retry >= 0 ? retry : undefined
}
