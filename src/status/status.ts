import type { StatusFrame } from "../client/protocol.ts"
import type { KafkaRecord } from "../kafka/records.ts"
import type { Position } from "./cursor.ts"
import { wireFrame } from "./wire.ts"

/** A status as it stands in the log. */
export interface Status {
  readonly offset: number
  readonly timestamp: number
  /** The event's JSON, as written. */
  readonly json: string
}

const text = new TextDecoder("utf-8", { fatal: true })

const isEvent = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "kind" in value && typeof value.kind === "string"

/** Nothing for what is no status event: others may write to the topic as well, and a client must get JSON that holds. */
export const decodeStatus = (record: KafkaRecord): Status | undefined => {
  if (record.value === null) return undefined
  try {
    const json = text.decode(record.value)
    return isEvent(JSON.parse(json)) ? { offset: record.offset, timestamp: record.timestamp, json } : undefined
  } catch {
    return undefined // not UTF-8, not JSON
  }
}

/** A key that is no UTF-8 is no channel's. */
export const decodeKey = (key: Uint8Array | null): string => (key === null ? "" : Buffer.from(key).toString("latin1"))

/**
 * The record in `status` and the one in `status-latest` are written by one settle, with the same bytes and time: that is how
 * one is known in the other.
 */
export const identity = ({ json, timestamp }: Status): string => `${timestamp} ${json}`

type Encode = (channel: string, position: Position) => string

/** The frame of a status, ready for the wire, made once for all who follow the channel. The event's JSON is not parsed again. */
export const statusFrame = (encode: Encode, channel: string, json: string, position: Position): Buffer => {
  const head: Omit<StatusFrame, "event"> = { type: "status", channel, cursor: encode(channel, position) }
  return wireFrame(`${JSON.stringify(head).slice(0, -1)},"event":${json}}`)
}
