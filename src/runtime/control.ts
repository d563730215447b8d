import { Option, Result, Schema } from "effect"
import { jsonText } from "../actor/topic.ts"
import * as Utf8 from "../actor/utf8.ts"
import type { Batch, Header, KafkaRecord } from "../kafka/records.ts"
import * as Entry from "../store/entry.ts"
import { bytesOf, Message } from "./cell.ts"
import type { Cell } from "./cell.ts"
import { advance, deadLetter, setTimer, waitFor } from "./completion.ts"
import { doneRecord } from "./deadLetter.ts"
import type { Letter } from "./deadLetter.ts"
import { letterAt } from "./letters.ts"
import { isCrowded, parkAll, setAside } from "./parking.ts"
import type { Finished } from "./finished.ts"
import type { Partition } from "./partition.ts"

/**
 * An operator's command to one key, written to the key's partition of the inbox with the header `sixfold-control: {actor}`.
 *
 * - `pause`: nothing of the key runs until it is resumed; its messages are parked, its timers wait.
 * - `resume`: what is paused or held goes on; a held message or timer is tried again at once.
 * - `skip`: what the key waits for or holds goes to the dead letters, and the next one runs; of a key that is paused, its first message.
 * - `replay`: the dead letter of this id is handled anew, behind what the key has, under its first idempotency key; once for an
 *   id, and a message that has been replayed `mostReplays` times stays where it is.
 * - `discard`: the dead letter of this id is never replayed.
 */
export const Command = Schema.Union([
  Schema.Struct({ op: Schema.Literals(["pause", "resume", "skip"]) }),
  Schema.Struct({ op: Schema.Literals(["replay", "discard"]), id: Schema.String })
])
export type Command = typeof Command.Type
export type KeyCommand = Exclude<Command, { readonly id: string }>
export type LetterCommand = Extract<Command, { readonly id: string }>

/** A message that fails again and again is replayed so often, and no more. */
export const mostReplays = 5

export const controlHeader = "sixfold-control"

const codec = jsonText(Command)
const text = new TextDecoder()

export const commandHeaders = (actor: string): ReadonlyArray<Header> => [[controlHeader, Utf8.encode(actor)]]
export const encodeCommand = (command: Command): Uint8Array => Utf8.encode(codec.encode(command))

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

/** Dead letters of a partition that were looked up for the commands of a batch, by offset. */
export type Letters = ReadonlyMap<number, Letter>

/** The offsets of the dead letters that a batch's commands want replayed. */
export const wantedLetters = (actor: string, { partition, records }: Batch): ReadonlyArray<number> => {
  const wanted: Array<number> = []
  for (const record of records) {
    if (record.headers.length === 0 || commanded(record) !== actor) continue
    const command = Option.getOrUndefined(commandOf(record))
    const at = command?.op === "replay" ? letterAt(command.id) : undefined
    if (at?.partition === partition) wanted.push(at.offset)
  }
  return wanted
}

type Written = Pick<Finished, "entries" | "outputs">
const nothing: Written = { entries: [], outputs: [] }

/** What obeying the command in this message writes. Repeating a command changes nothing. */
export const obey = (
  partition: Partition,
  message: Message,
  command: Command,
  now: number,
  letters: Letters
): Written => {
  const { cell } = message
  switch (command.op) {
    case "replay":
      return replay(partition, message, command.id, now, letters)
    case "discard":
      return done(partition, cell, command, now)
    case "pause": {
      cell.paused ??= { since: now }
      partition.waiting.add(cell)
      return { entries: [[Entry.pauseKey(cell.key), Entry.pauseValue.encode(cell.paused)]], outputs: [] }
    }
    case "resume":
      return { entries: [...unpause(cell), ...retryNow(partition, cell, now)], outputs: [] }
    case "skip":
      return skip(partition, cell, now)
  }
}

/** The letter is done with: no later command about it takes effect. */
const done = (partition: Partition, { key }: Cell, { id, op }: LetterCommand, now: number): Written => {
  const at = letterAt(id)
  if (at?.partition !== partition.partition || partition.letters.has(at.offset)) return nothing
  return {
    entries: partition.letters.add(at.offset, { op, at: now }),
    outputs: [
      doneRecord(
        { topic: partition.deadLetters, partition: partition.partition, key: Utf8.encode(key) },
        at.offset,
        op,
        now
      )
    ]
  }
}

/** The letter's message is parked behind all that its key has, in the place of the command. */
const replay = (partition: Partition, message: Message, id: string, now: number, letters: Letters): Written => {
  const { cell } = message
  const letter = letters.get(letterAt(id)?.offset ?? -1)
  if (
    letter === undefined ||
    letter.key === null ||
    Utf8.decodeOr(letter.key) !== cell.key ||
    letter.origin.replays >= mostReplays
  )
    return nothing
  if (isCrowded(cell)) return nothing
  const { entries, outputs } = done(partition, cell, { op: "replay", id }, now)
  if (entries.length === 0) return nothing
  const { headers, timestamp, value } = letter
  const origin = { ...letter.origin, replays: letter.origin.replays + 1 }
  const stored = { offset: message.offset, headers, timestamp, value, origin }
  const replayed = new Message(cell, stored, message.next, bytesOf(cell.key.length, stored), true)
  parkAll(partition, cell)
  return { entries: [...entries, setAside(partition, replayed)], outputs }
}

const unpause = (cell: Cell): ReadonlyArray<Entry.EntryChange> => {
  if (cell.paused === undefined) return []
  cell.paused = undefined
  return [[Entry.pauseKey(cell.key), null]]
}

const heldTimers = (cell: Cell) => [...(cell.timers ?? [])].filter(([, { retryAt }]) => retryAt === Entry.held)

const retryNow = (partition: Partition, cell: Cell, now: number): ReadonlyArray<Entry.EntryChange> => {
  const timers = heldTimers(cell).map(([name, timer]) => setTimer(partition, cell, name, { ...timer, retryAt: now }))
  return cell.wait === undefined ? timers : [...timers, waitFor(partition, cell, { ...cell.wait, until: now })]
}

const skip = (partition: Partition, cell: Cell, now: number): Written => {
  const entries: Array<Entry.EntryChange> = []
  const outputs: Array<Finished["outputs"][number]> = []
  for (const [name, timer] of heldTimers(cell)) {
    const task = { _tag: "Timer", name, timer, attempt: timer.attempt } as const
    outputs.push(deadLetter(partition, cell, task, "skipped by an operator", now))
    entries.push(advance(partition, cell, name, timer, now))
  }
  const { wait } = cell
  const [message] = cell.parked
  // A message that runs, or has run out of time, cannot be skipped: its outcome is on the way.
  const isRunning = (cell.running?.task ?? cell.timedOut)?._tag === "Message"
  if (message === undefined || isRunning) return { entries, outputs }
  if (wait === undefined && cell.paused === undefined) return { entries, outputs }
  const task = { _tag: "Message", message, attempt: wait?.attempt ?? 0 } as const
  const cause = wait === undefined ? "while its key was paused" : wait.cause
  outputs.push(deadLetter(partition, cell, task, `skipped by an operator: ${cause}`, now))
  cell.unpark()
  cell.wait = undefined
  entries.push([Entry.parkedKey(cell.key, message.offset), null], [Entry.waitKey(cell.key), null])
  return { entries, outputs }
}
