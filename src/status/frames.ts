import { Option, Schema } from "effect"
import type { ClientFrame, ServerFrame } from "../client/protocol.ts"

const Subscribe = Schema.Struct({
  type: Schema.Literal("subscribe"),
  channel: Schema.String,
  token: Schema.String,
  after: Schema.optionalKey(Schema.String)
})
const Unsubscribe = Schema.Struct({ type: Schema.Literal("unsubscribe"), channel: Schema.String })

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union([Subscribe, Unsubscribe])))

/** Nothing for what is no frame of the protocol. */
export const decodeFrame = (json: string): ClientFrame | undefined => Option.getOrUndefined(decode(json))

export const encodeFrame = (frame: ServerFrame): string => JSON.stringify(frame)
