import { Option, Result } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import type { Batch, KafkaRecord, ProducerRecord, TopicPartition } from "../kafka/records.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import * as Entry from "../store/entry.ts"
import { Cell, passive } from "./cell.ts"
import type { Message, Running } from "./cell.ts"
import type { Emitted } from "./collect.ts"
import { commanded, commandOf, obey } from "./control.ts"
import type { Letters } from "./control.ts"
import { deadLetterRecord } from "./deadLetter.ts"
import { LettersDone } from "./letters.ts"
import { Window } from "./window.ts"

/** A changed entry of the changelog; a null value deletes it. */
export type EntryChange = readonly [key: Uint8Array, value: Uint8Array | null]

/** A finished turn: what settling it writes. Those of one key settle in order. */
export interface Finished {
  readonly cell: Cell
  /** The idempotency key of its message or timer; none where no handler ran. */
  readonly id?: string
  readonly emitted?: ReadonlyArray<Emitted>
  /** The inbox offset it consumes from the window; -1 where it consumes none (a timer, an unparked message). */
  readonly offset: number
  readonly outputs: ReadonlyArray<ProducerRecord>
  readonly entries: ReadonlyArray<EntryChange>
}

/** A moment at which a key of a partition has something to do. */
export interface DueItem {
  readonly due: number
  readonly partition: Partition
  readonly cell: Cell
  /** Absent: the wait of the key's first parked message. */
  readonly timer?: string
}

/** What a partition needs to know of its actor and its replica. */
export interface Surroundings {
  readonly definition: ActorDefinition
  readonly deadLetters: string
  /** The key will have something to do, at a time. */
  readonly expect: (item: DueItem) => void
  /** The key has something to do now. */
  readonly wake: (partition: Partition, cell: Cell) => void
  /** Most messages admitted and not settled. */
  readonly capacity: number
  /** Most bytes of them. */
  readonly capacityBytes: number
  /** How long a started message may hold the prefix, in milliseconds. */
  readonly holdLimit: number
}

/** A set to settle: closed under per-key order, its inbox messages a contiguous prefix. */
export interface SettleSet {
  readonly partition: Partition
  readonly included: ReadonlyArray<Finished>
  /** What stays for a later settle. */
  readonly rest: Array<Finished>
  readonly position: Entry.Position
}

const text = new TextDecoder()

/** Messages, and bytes of them, that may wait behind one key; what comes then goes to the dead letters. */
const mostParked = 10_000
const mostParkedBytes = 16 * 1_048_576
const noLetters: Letters = new Map()

/**
 * One owned inbox partition: which keys exist, what each does next, and what may be settled. A state machine without effects;
 * the replica drives it. `over` ends it: what still comes back from its handlers is dropped.
 */
export class Partition implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly cells = new Map<string, Cell>()
  readonly window = new Window<Message>()
  readonly running = new Set<Cell>()
  phase: "restoring" | "active" | "draining" | "over" = "restoring"
  /** Its reading is held back: the window is full. */
  paused = false
  /** Called once when nothing runs any more. */
  onQuiet: (() => void) | undefined
  position: Entry.Position
  /** Dead letters that an operator is done with. */
  readonly letters = new LettersDone()
  /** The offset after the last one polled, and the end the broker told of. */
  readOffset = 0
  endOffset = 0
  /** Finished and not settled, in the order of finishing. */
  private finished: Array<Finished> = []
  /** For records whose key cannot be read: they have no state. */
  private readonly nowhere = new Cell("")
  private readonly around: Surroundings

  constructor(around: Surroundings, at: TopicPartition, topicId: string) {
    this.around = around
    this.topic = at.topic
    this.partition = at.partition
    this.position = { topicId, next: 0, settle: 0 }
  }

  get actor(): string {
    return this.around.definition.name
  }

  get deadLetters(): string {
    return this.around.deadLetters
  }

  get unsettled(): number {
    return this.finished.length
  }

  get full(): boolean {
    return this.window.size >= this.around.capacity || this.window.bytes >= this.around.capacityBytes
  }

  /** Room again for half a window. */
  get roomy(): boolean {
    return this.window.size * 2 <= this.around.capacity && this.window.bytes * 2 <= this.around.capacityBytes
  }

  // ------------------------------------------------------------------ restoring

  /** Everything is restored: from now on keys have things to do. */
  activate(next: number, topicId: string): void {
    this.position = { topicId, next, settle: this.position.settle }
    this.readOffset = next
    this.phase = "active"
    for (const cell of this.cells.values()) {
      for (const [name, timer] of cell.timers ?? []) this.expect(cell, timer.retryAt ?? timer.due, name)
      if (cell.wait?.until !== undefined) this.expect(cell, cell.wait.until)
      else if (cell.parked.length > 0 && cell.wait === undefined) this.around.wake(this, cell)
    }
  }

  // ------------------------------------------------------------------ admitting

  /** `letters`: the dead letters that the batch's commands want, looked up. */
  admit(batch: Batch, now: number, letters: Letters = noLetters): void {
    const last = batch.records.length - 1
    batch.records.forEach((record, index) => {
      this.admitRecord(record, index === last ? batch.nextOffset : record.offset + 1, now, letters)
    })
    this.readOffset = batch.nextOffset
    this.endOffset = batch.endOffset
  }

  private admitRecord(record: KafkaRecord, next: number, now: number, letters: Letters): void {
    const { codec, spec } = this.around.definition.inbox
    const key = codec.decodeKey(record.key)
    const misplaced = record.key !== null && partitionFor(record.key, spec.partitions) !== this.partition
    const cell = Result.isFailure(key) || misplaced ? this.nowhere : this.cell(text.decode(record.key!))
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
    const message: Message = { ...record, cell, next, bytes, weight: 0, done: false }
    this.window.admit(message)
    if (misplaced) return this.reroute(message, record)
    const whom = record.headers.length === 0 ? undefined : commanded(record)
    if (whom !== undefined) return this.command(message, record, whom, now, letters)
    if (Result.isFailure(key)) return this.discard(message, record, key.failure.message)
    if (cell.parked.length > 0 || cell.paused !== undefined) {
      return this.isCrowded(cell) ? this.discard(message, record, "ParkedQueueFull") : this.park(message)
    }
    cell.enqueue(message)
    if (cell.running === undefined) this.around.wake(this, cell)
  }

  /** Some producers partition by another hash: the record goes to where the state of its key is. */
  private reroute(message: Message, record: KafkaRecord): void {
    const partition = partitionFor(record.key!, this.around.definition.inbox.spec.partitions)
    this.window.finish(message, message.bytes)
    this.finish({
      cell: message.cell,
      offset: message.offset,
      outputs: [{ ...record, topic: this.topic, partition }],
      entries: []
    })
  }

  /** Commands bypass the key's queue; another actor's are only passed over. */
  private command(message: Message, record: KafkaRecord, whom: string, now: number, letters: Letters): void {
    const { cell, offset } = message
    this.window.finish(message, message.bytes)
    const command = whom === this.actor ? Option.getOrUndefined(commandOf(record)) : undefined
    // Without a key there is nothing to command but the dead letter itself.
    const possible = command !== undefined && (cell !== this.nowhere || command.op === "discard")
    const written = possible ? obey(this, message, command, now, letters) : { entries: [], outputs: [] }
    this.finish({ cell, offset, ...written })
    if (cell.paused !== undefined || cell.parked.length > 0) this.parkAll(cell)
    if (cell !== this.nowhere) this.around.wake(this, cell)
  }

  private discard(message: Message, record: KafkaRecord, cause: string): void {
    this.window.finish(message, message.bytes)
    const { offset, timestamp } = record
    const source = { topic: this.topic, partition: this.partition, offset }
    const letter = { id: `${this.topic}/${this.partition}/${offset}`, cause, attempts: 1, source }
    this.finish({
      cell: message.cell,
      offset,
      outputs: [
        deadLetterRecord({
          ...record,
          topic: this.around.deadLetters,
          partition: this.partition,
          letter,
          failedAt: timestamp
        })
      ],
      entries: []
    })
  }

  // ------------------------------------------------------------------ what a key does next

  /** Keys whose time has come become ready. */
  ring(item: DueItem): void {
    const { cell, due, timer } = item
    if (this.phase === "over") return
    if (timer === undefined) {
      if (cell.wait?.until === due) this.around.wake(this, cell)
      return
    }
    const now = cell.timers?.get(timer)
    if (now === undefined || (now.retryAt ?? now.due) !== due) return
    cell.ring(timer)
    this.around.wake(this, cell)
  }

  /** A handler of the key has begun. */
  started(cell: Cell, running: Running): void {
    cell.running = running
    this.running.add(cell)
  }

  /** It has ended, one way or the other. */
  stopped(cell: Cell): void {
    cell.running = undefined
    this.running.delete(cell)
    if (this.running.size > 0 || this.onQuiet === undefined) return
    this.onQuiet()
    this.onQuiet = undefined
  }

  /** Ownership is over: nothing of it is settled any more, and its handlers are interrupted. */
  end(): void {
    this.phase = "over"
    for (const cell of this.running) cell.running!.fiber.interruptUnsafe()
  }

  // ------------------------------------------------------------------ parking

  /** Puts a message behind the others of its key: it no longer holds the prefix. */
  setAside(message: Message): EntryChange {
    this.window.finish(message, message.bytes)
    message.cell.park(message)
    return [Entry.parkedKey(message.cell.key, message.offset), Entry.parkedValue(message)]
  }

  private park(message: Message): void {
    const { cell, offset } = message
    this.finish({ cell, offset, outputs: [], entries: [this.setAside(message)] })
  }

  /** Too much waits behind the key already. */
  isCrowded({ parked, parkedBytes }: Cell): boolean {
    return parked.length >= mostParked || parkedBytes >= mostParkedBytes
  }

  /** All that the key has, in order: the message that runs (and runs on, or has run out of time), then what is not started. */
  parkAll(cell: Cell): void {
    const task = cell.running?.task ?? cell.timedOut
    if (task?._tag === "Message" && !task.message.done) this.park(task.message)
    this.parkMailbox(cell)
  }

  /** What is not started of a key that waits. */
  parkMailbox(cell: Cell): void {
    for (let message = cell.dequeue(); message !== undefined; message = cell.dequeue()) this.park(message)
  }

  /**
   * Parks the started messages that have held the prefix for too long, while their handlers run on. What is not started
   * yet only waits for a worker and is never parked for that. Answers when to look again; undefined: when something changes.
   */
  parkHolders(now: number): number | undefined {
    for (;;) {
      const holder = this.window.holder()
      if (holder === undefined) return undefined
      const { running } = holder.cell
      if (running?.task._tag !== "Message" || running.task.message !== holder) return undefined
      const until = running.since + this.around.holdLimit
      if (until > now && this.window.done * 2 < this.around.capacity) return until
      this.park(holder)
      this.parkMailbox(holder.cell)
    }
  }

  // ------------------------------------------------------------------ settling

  /**
   * What can be settled now: at most `limit` inbox messages, and about `weight` bytes. A key's turns stay in order: where one is
   * held back, those after it are. Turns that consume no inbox message are never held back for their number, since a message
   * of their key behind them may lie before the offset that is committed.
   */
  settleSet(limit: number, weight: number): SettleSet | undefined {
    if (this.finished.length === 0 || this.phase === "over" || this.phase === "restoring") return undefined
    const next = this.window.prefix(limit, weight) ?? this.position.next
    const included: Array<Finished> = []
    const rest: Array<Finished> = []
    const heldBack = new Set<Cell>()
    for (const turn of this.finished) {
      if (turn.offset >= next || heldBack.has(turn.cell)) {
        heldBack.add(turn.cell)
        rest.push(turn)
      } else included.push(turn)
    }
    if (included.length === 0) return undefined
    return {
      partition: this,
      included,
      rest,
      position: { topicId: this.position.topicId, next, settle: this.position.settle + 1 }
    }
  }

  /** The set is committed. What finished since then was added behind it. */
  settled(set: SettleSet): void {
    const since = this.finished.slice(set.included.length + set.rest.length)
    this.finished = since.length === 0 ? set.rest : set.rest.concat(since)
    this.position = set.position
    this.window.settle(set.position.next)
    for (const { cell } of set.included) {
      cell.unsettled--
      if (cell.unsettled === 0) this.release(cell)
    }
  }

  /** Frees what an idle key does not need. */
  private release(cell: Cell): void {
    if (cell === this.nowhere || !cell.idle) return
    cell.state = passive
    if (cell.empty) this.cells.delete(cell.key)
  }

  // ------------------------------------------------------------------ pieces

  /** A turn has finished, and waits to be settled. */
  finish(turn: Finished): void {
    turn.cell.unsettled++
    this.finished.push(turn)
  }

  /** The key will have something to do at `due`: a timer, or its wait is over. */
  expect(cell: Cell, due: number, timer?: string): void {
    this.around.expect({ due, partition: this, cell, ...(timer === undefined ? {} : { timer }) })
  }

  /** The key's cell, made if there is none. */
  cell(key: string): Cell {
    let cell = this.cells.get(key)
    if (cell === undefined) {
      cell = new Cell(key)
      this.cells.set(key, cell)
    }
    return cell
  }
}
