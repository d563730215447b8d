import { Option, Result, Schema } from "effect"
import { jsonText } from "../actor/topic.ts"
import type { Header, KafkaRecord } from "../kafka/records.ts"
import * as Entry from "../store/entry.ts"
import type { Cell } from "./cell.ts"
import { advance, deadLetter, setTimer, waitFor } from "./completion.ts"
import type { EntryChange, Finished, Partition } from "./partition.ts"

/**
 * An operator's command to one key, written to the key's partition of the inbox with the header `sixfold-control: {actor}`.
 *
 * - `pause`: nothing of the key runs until it is resumed; its messages are parked, its timers wait.
 * - `resume`: what is paused or held goes on; a held message or timer is tried again at once.
 * - `skip`: what the key waits for or holds goes to the dead letters, and the next one runs.
 */
export const Command = Schema.Struct({ op: Schema.Literals(["pause", "resume", "skip"]) })
export type Command = typeof Command.Type

export const controlHeader = "sixfold-control"

const codec = jsonText(Command)
const utf8 = new TextEncoder()
const text = new TextDecoder()

export const commandHeaders = (actor: string): ReadonlyArray<Header> => [[controlHeader, utf8.encode(actor)]]
export const encodeCommand = (command: Command): Uint8Array => utf8.encode(codec.encode(command))

/** Whom a record commands; none where it is a message. */
export const commanded = (record: KafkaRecord): string | undefined => {
  for (const [name, value] of record.headers) if (name === controlHeader) return text.decode(value)
  return undefined
}

/** The command of a control record; none where it cannot be read: a newer program's, and skipped. */
export const commandOf = (record: KafkaRecord): Option.Option<Command> => {
  if (record.value === null) return Option.none()
  const bytes = record.value
  const parsed = Result.try(() => codec.decode(text.decode(bytes)))
  return Option.flatMap(Result.getSuccess(parsed), Result.getSuccess)
}

/** What obeying the command writes. Repeating a command changes nothing. */
export const obey = (
  partition: Partition,
  cell: Cell,
  { op }: Command,
  now: number
): Pick<Finished, "entries" | "outputs"> => {
  switch (op) {
    case "pause": {
      cell.paused ??= { since: now }
      return { entries: [[Entry.pauseKey(cell.key), Entry.pauseValue.encode(cell.paused)]], outputs: [] }
    }
    case "resume":
      return { entries: [...unpause(cell), ...retryNow(partition, cell, now)], outputs: [] }
    case "skip":
      return skip(partition, cell, now)
  }
}

const unpause = (cell: Cell): ReadonlyArray<EntryChange> => {
  if (cell.paused === undefined) return []
  cell.paused = undefined
  return [[Entry.pauseKey(cell.key), null]]
}

const heldTimers = (cell: Cell) => [...(cell.timers ?? [])].filter(([, { retryAt }]) => retryAt === Entry.held)

const retryNow = (partition: Partition, cell: Cell, now: number): ReadonlyArray<EntryChange> => {
  const timers = heldTimers(cell).map(([name, timer]) => setTimer(partition, cell, name, { ...timer, retryAt: now }))
  return cell.wait === undefined ? timers : [...timers, waitFor(partition, cell, { ...cell.wait, until: now })]
}

const skip = (partition: Partition, cell: Cell, now: number): Pick<Finished, "entries" | "outputs"> => {
  const entries: Array<EntryChange> = []
  const outputs: Array<Finished["outputs"][number]> = []
  for (const [name, timer] of heldTimers(cell)) {
    const task = { _tag: "Timer", name, timer, attempt: timer.attempt } as const
    outputs.push(deadLetter(partition, cell, task, "skipped by an operator", now))
    entries.push(advance(partition, cell, name, timer, now))
  }
  const [message] = cell.parked
  // A message that runs cannot be skipped: its outcome is on the way.
  if (message === undefined || cell.wait === undefined || cell.running !== undefined) return { entries, outputs }
  const task = { _tag: "Message", message, attempt: cell.wait.attempt } as const
  outputs.push(deadLetter(partition, cell, task, `skipped by an operator: ${cell.wait.cause}`, now))
  cell.unpark()
  cell.wait = undefined
  entries.push([Entry.parkedKey(cell.key, message.offset), null], [Entry.waitKey(cell.key), null])
  return { entries, outputs }
}
