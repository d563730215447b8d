import * as Entry from "../store/entry.ts"
import type { Cell, Message } from "./cell.ts"
import type { Partition } from "./partition.ts"

/** Messages, and bytes of them, that may wait behind one key; what comes then goes to the dead letters. */
const mostParked = 10_000
const mostParkedBytes = 16 * 1_048_576

/** Too much waits behind the key already. */
export const isCrowded = ({ parked, parkedBytes }: Cell): boolean =>
  parked.length >= mostParked || parkedBytes >= mostParkedBytes

/** Puts a message behind the others of its key: it no longer holds the prefix. */
export const setAside = (partition: Partition, message: Message): Entry.EntryChange => {
  partition.window.finish(message, message.bytes)
  message.cell.park(message)
  partition.waiting.add(message.cell)
  return [Entry.parkedKey(message.cell.key, message.offset), Entry.parkedValue(message)]
}

export const park = (partition: Partition, message: Message): void => {
  const { cell, offset } = message
  partition.finish({ cell, offset, outputs: [], entries: [setAside(partition, message)] })
}

/** What is not started of a key that waits. */
export const parkMailbox = (partition: Partition, cell: Cell): void => {
  for (let message = cell.dequeue(); message !== undefined; message = cell.dequeue()) park(partition, message)
}

/** All that the key has, in order: the message that runs (and runs on, or has run out of time), then what is not started. */
export const parkAll = (partition: Partition, cell: Cell): void => {
  const task = cell.running?.task ?? cell.timedOut
  if (task?._tag === "Message" && !task.message.done) park(partition, task.message)
  parkMailbox(partition, cell)
}

/**
 * Parks the messages that have held the prefix for too long, while their handlers run on, or the handler of a timer of their key. What
 * only waits for a worker is never parked for that. Answers when to look again; undefined: when something changes.
 */
export const parkHolders = (partition: Partition, now: number): number | undefined => {
  const { capacity, definition, holdLimit } = partition.around
  // It has no storage to park in.
  if (definition.isAtLeastOnce) return undefined
  for (;;) {
    const holder = partition.window.holder()
    if (holder === undefined) return undefined
    const { running } = holder.cell
    if (running === undefined) return undefined
    const until = running.since + holdLimit
    if (until > now && partition.window.done * 2 < capacity) return until
    parkAll(partition, holder.cell)
  }
}
