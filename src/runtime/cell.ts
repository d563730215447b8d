import type { Fiber } from "effect"
import { held } from "../store/entry.ts"
import type { Origin, Pause, StoredMessage, Timer, Wait } from "../store/entry.ts"
import type { Slot } from "./window.ts"

/** What a header takes in memory besides its name and value. */
const headerCost = 64

/** What bounds windows and queues: headers count, empty ones too, or whoever writes to an inbox could fill the memory with them. */
export const bytesOf = (keyLength: number, { headers, value }: Pick<StoredMessage, "headers" | "value">): number => {
  const bytes = keyLength + (value?.length ?? 0)
  if (headers.length === 0) return bytes
  return headers.reduce((sum, [name, it]) => sum + name.length + it.length + headerCost, bytes)
}

/** An admitted inbox message. Parked, its bytes lie in the changelog and `done` is true: it holds the prefix no more. */
export class Message implements StoredMessage, Slot {
  readonly cell: Cell
  readonly offset: number
  readonly timestamp: number
  value: Uint8Array | null
  headers: StoredMessage["headers"]
  readonly next: number
  readonly bytes: number
  done: boolean
  weight = 0
  readonly origin?: Origin | undefined

  constructor(cell: Cell, stored: StoredMessage, next: number, bytes: number, done: boolean) {
    this.cell = cell
    this.offset = stored.offset
    this.timestamp = stored.timestamp
    this.value = stored.value
    this.headers = stored.headers
    this.next = next
    this.bytes = bytes
    this.done = done
    this.origin = stored.origin
  }
}

/** A copy, where they are a small part of what they lie in. */
const owned = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length + 256 ? new Uint8Array(bytes) : bytes

/** It may wait for long, and the bytes it came with need not wait with it. */
const detach = (message: Message): void => {
  message.value = message.value && owned(message.value)
  if (message.headers.length > 0) {
    message.headers = message.headers.map(([name, value]) => [name, owned(value)] as const)
  }
}

/**
 * What a key does next. `isQuiet`: the actor's own turn about its end has run out of time as well, and is left out. `isOwn`: its handler
 * has not run out of time, but ended its own fiber.
 */
export type Task = { readonly attempt: number; readonly isQuiet?: true; readonly isOwn?: true } & (
  | { readonly _tag: "Message"; readonly message: Message }
  | { readonly _tag: "Timer"; readonly name: string; readonly timer: Timer }
)

export interface Running {
  readonly task: Task
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly fiber: Fiber.Fiber<unknown, unknown>
  /** It is about an attempt that ran out of time. */
  readonly isLate?: boolean
}

const noMessages: Array<Message> = []
const noNames: Array<string> = []
/** The state is only there as bytes. */
export const passive: unique symbol = Symbol.for("sixfold/passive")

/**
 * Everything about one key. An idle key costs its state as JSON and this object; mailbox and timers' names exist while there is
 * something to do, and the decoded state a little longer (`Decoded`).
 */
export class Cell {
  readonly key: string
  /** The state after the last finished turn, as JSON text: it takes less memory than bytes of its own. Undefined: the initial state. */
  json: string | undefined
  state: unknown = passive
  /** Admitted, not started. */
  mailbox: Array<Message> = noMessages
  /** In the changelog, in order; the first is running, waits by `wait`, or is next. */
  parked: Array<Message> = noMessages
  parkedBytes = 0
  wait: Wait | undefined
  paused: Pause | undefined
  timers: Map<string, Timer> | undefined
  /** Names of timers whose time has come. */
  due: Array<string> = noNames
  running: Running | undefined
  /** The last attempt ran out of time: what to do about it is next. */
  timedOut: Task | undefined
  /** In the dispatcher's ready queue. */
  ready = false
  /** Finished turns that are not settled. */
  unsettled = 0
  /** When it was last idle with its state decoded: see `Decoded`. */
  generation = 0

  constructor(key: string) {
    this.key = key
  }

  enqueue(message: Message): void {
    if (this.mailbox === noMessages) this.mailbox = []
    this.mailbox.push(message)
  }

  dequeue(): Message | undefined {
    const { mailbox } = this
    if (mailbox.length > 1) return mailbox.shift()
    this.mailbox = noMessages
    return mailbox[0]
  }

  park(message: Message): void {
    if (this.parked === noMessages) this.parked = []
    detach(message)
    this.parked.push(message)
    this.parkedBytes += message.bytes
  }

  /** Removes the parked message of this offset, if it is there: the first, nearly always. */
  takeOut(offset: number): void {
    if ((this.parked.at(-1)?.offset ?? -1) < offset) return
    const at = this.parked.findIndex((message) => message.offset === offset)
    if (at < 0) return
    this.parkedBytes -= this.parked[at]!.bytes
    this.parked.splice(at, 1)
    if (this.parked.length === 0) this.parked = noMessages
  }

  /** Puts a parked message into its place: the last, nearly always. */
  putIn(message: Message): void {
    this.park(message)
    const { parked } = this
    for (let at = parked.length - 1; at > 0 && parked[at - 1]!.offset > message.offset; at--) {
      parked[at] = parked[at - 1]!
      parked[at - 1] = message
    }
  }

  unpark(): void {
    this.parkedBytes -= this.parked.shift()?.bytes ?? 0
    if (this.parked.length === 0) this.parked = noMessages
  }

  ring(name: string): void {
    if (this.due === noNames) this.due = []
    if (!this.due.includes(name)) this.due.push(name)
  }

  silence(): string | undefined {
    const name = this.due.shift()
    if (this.due.length === 0) this.due = noNames
    return name
  }

  /** Nothing under way and nothing unsettled: decoded state can go. */
  get idle(): boolean {
    return (
      this.running === undefined &&
      this.unsettled === 0 &&
      this.mailbox.length === 0 &&
      this.parked.length === 0 &&
      this.due.length === 0 &&
      this.timedOut === undefined
    )
  }

  private get holdsTimer(): boolean {
    for (const { retryAt } of this.timers?.values() ?? []) if (retryAt === held) return true
    return false
  }

  /** Nothing of it waits, is held or paused. */
  get free(): boolean {
    return this.parked.length === 0 && this.wait === undefined && this.paused === undefined && !this.holdsTimer
  }

  /** Nothing at all: the cell itself can go. */
  get empty(): boolean {
    return this.idle && this.free && this.json === undefined && (this.timers === undefined || this.timers.size === 0)
  }
}
