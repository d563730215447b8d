import { Schema } from "effect"
import type { StockMessage } from "./topics.ts"

/** Orders of one SKU that may be undecided at a time; one more is refused as short. They share one record with the rest. */
export const maxOpen = 3_000
/** Orders that are known to be over, the newest of one SKU. */
export const maxClosed = 500

/**
 * The stock of one SKU: a fold over `stock` that repeats and order do not change. The actor keeps it; the view behind
 * `GET /inventory/{sku}` is the same fold in SQL, so nothing in it may depend on a clock.
 */
export const Level = Schema.Struct({
  available: Schema.Int,
  /** Pieces of open and of kept orders. */
  reserved: Schema.Int,
  /** Reserved, and neither kept nor released yet. */
  open: Schema.Array(Schema.Struct({ orderId: Schema.String, quantity: Schema.Int })),
  /** Refused, released or kept: nothing will be reserved for them any more. Oldest first. */
  closed: Schema.Array(Schema.String)
})
export type Level = typeof Level.Type

/** A level (null: the SKU was never set) after one message, and what is answered to the order. */
export interface Moved {
  readonly level: Level | null
  readonly answer?: "reserved" | "short"
}

const closing = (level: Level, orderId: string): Level => ({
  ...level,
  open: level.open.filter((it) => it.orderId !== orderId),
  closed: [...level.closed, orderId].slice(-maxClosed)
})

const reserve = (level: Level, orderId: string, quantity: number): Moved => {
  const { available, open, reserved } = level
  if (quantity > available || open.length >= maxOpen) return { level: closing(level, orderId), answer: "short" }
  const held = {
    available: available - quantity,
    reserved: reserved + quantity,
    open: [...open, { orderId, quantity }]
  }
  return { level: { ...level, ...held }, answer: "reserved" }
}

/** The same level where a message changes nothing. */
export const move = (level: Level | null, message: StockMessage): Moved => {
  if (message._tag === "Set") {
    const { quantity } = message
    return { level: { ...(level ?? { reserved: 0, open: [], closed: [] }), available: quantity } }
  }
  // Of a SKU that nobody sells nothing is remembered: made-up ones cost no state.
  if (level === null) return message._tag === "Reserve" ? { level, answer: "short" } : { level }
  const { orderId } = message
  const held = level.open.find((it) => it.orderId === orderId)
  const isClosed = level.closed.includes(orderId)
  switch (message._tag) {
    case "Reserve":
      if (held !== undefined) return { level } // answered already
      return isClosed ? { level, answer: "short" } : reserve(level, orderId, message.quantity)
    case "Keep":
      return { level: held === undefined ? level : closing(level, orderId) }
    case "Release":
      if (held === undefined) return { level: isClosed ? level : closing(level, orderId) } // a later reserve is refused
      return {
        level: {
          ...closing(level, orderId),
          available: level.available + held.quantity,
          reserved: level.reserved - held.quantity
        }
      }
  }
}
