import { DateTime, Result } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import type { Batch, KafkaRecord, ProducerRecord, TopicPartition } from "../kafka/records.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import * as Entry from "../store/entry.ts"
import { firing } from "../store/recurrence.ts"
import type { Outcome } from "./attempt.ts"
import { Cell, passive } from "./cell.ts"
import type { Message, Running, Task } from "./cell.ts"
import { statusRecords } from "./collect.ts"
import type { Emitted } from "./collect.ts"
import { deadLetterRecord } from "./deadLetter.ts"
import { Window } from "./window.ts"

/** A finished turn: what settling it writes. Those of one key settle in order. */
export interface Finished {
  readonly cell: Cell
  /** The idempotency key of its message or timer; none where no handler ran. */
  readonly id?: string
  readonly emitted?: ReadonlyArray<Emitted>
  /** The inbox offset it consumes from the window; -1 where it consumes none (a timer, an unparked message). */
  readonly offset: number
  readonly outputs: ReadonlyArray<ProducerRecord>
  readonly entries: ReadonlyArray<readonly [key: Uint8Array, value: Uint8Array | null]>
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
const utf8 = new TextEncoder()

const weigh = (records: ReadonlyArray<ProducerRecord>): number => {
  let bytes = 0
  for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0) + 32
  return bytes
}

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

  /** Takes over one record of the changelog, in log order. */
  restore(record: KafkaRecord): void {
    const entry = Entry.decodeEntryKey(record.key!)
    if (entry.kind === Entry.kinds.position) {
      if (record.value !== null) this.position = Entry.positionValue.decode(record.value)
      return
    }
    const cell = this.cell(entry.key)
    const { value } = record
    switch (entry.kind) {
      case Entry.kinds.state:
        cell.bytes = value ?? undefined
        break
      case Entry.kinds.timer: {
        cell.timers ??= new Map()
        if (value === null) cell.timers.delete(Entry.timerName(entry))
        else cell.timers.set(Entry.timerName(entry), Entry.timerValue.decode(value))
        break
      }
      case Entry.kinds.parked: {
        const offset = Entry.parkedOffset(entry)
        const others = cell.parked.filter((message) => message.offset !== offset)
        if (value !== null) others.push(this.parkedMessage(cell, Entry.decodeParked(offset, value)))
        cell.parked = others.sort((a, b) => a.offset - b.offset)
        break
      }
      case Entry.kinds.wait:
        cell.wait = value === null ? undefined : Entry.waitValue.decode(value)
        break
      default:
        throw new Error(`changelog entry of unknown kind ${entry.kind}: written by a newer version?`)
    }
    if (cell.empty) this.cells.delete(cell.key)
  }

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

  admit(batch: Batch): void {
    const last = batch.records.length - 1
    batch.records.forEach((record, index) => {
      this.admitRecord(record, index === last ? batch.nextOffset : record.offset + 1)
    })
    this.readOffset = batch.nextOffset
    this.endOffset = batch.endOffset
  }

  private admitRecord(record: KafkaRecord, next: number): void {
    const { codec, spec } = this.around.definition.inbox
    const key = codec.decodeKey(record.key)
    const misplaced = record.key !== null && partitionFor(record.key, spec.partitions) !== this.partition
    const cell = Result.isFailure(key) || misplaced ? this.nowhere : this.cell(text.decode(record.key!))
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
    const message: Message = { ...record, cell, next, bytes, weight: 0, done: false }
    this.window.admit(message)
    if (misplaced) return this.reroute(message, record)
    if (Result.isFailure(key)) return this.discard(message, record, key.failure.message)
    if (cell.parked.length > 0) return this.park(message)
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

  /** The next task of a key at `now`, if it may run. */
  next(cell: Cell, now: number): Task | undefined {
    if (this.phase !== "active" || cell.running !== undefined) return undefined
    if (cell.timedOut !== undefined) return cell.timedOut
    const timer = this.nextTimer(cell, now)
    if (timer !== undefined) return timer
    const parked = cell.parked[0]
    if (parked === undefined) {
      const message = cell.dequeue()
      return message && { _tag: "Message", message, attempt: 1 }
    }
    const { wait } = cell
    if (wait !== undefined && (wait.until === undefined || wait.until > now)) return undefined
    return { _tag: "Message", message: parked, attempt: (wait?.attempt ?? 0) + 1 }
  }

  private nextTimer(cell: Cell, now: number): Task | undefined {
    for (let name = cell.silence(); name !== undefined; name = cell.silence()) {
      const timer = cell.timers?.get(name)
      if (timer === undefined || (timer.retryAt ?? timer.due) > now) continue
      if (firing(timer, now).fires) return { _tag: "Timer", name, timer, attempt: timer.attempt + 1 }
      this.finish({ cell, offset: -1, outputs: [], entries: this.advance(cell, name, timer, now) })
    }
    return undefined
  }

  /** Whether the key has anything left to run now. */
  wants(cell: Cell, now: number): boolean {
    if (this.phase !== "active" || cell.running !== undefined) return false
    if (cell.timedOut !== undefined || cell.due.length > 0) return true
    if (cell.parked.length === 0) return cell.mailbox.length > 0
    return cell.wait === undefined || (cell.wait.until !== undefined && cell.wait.until <= now)
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

  // ------------------------------------------------------------------ finishing

  /** Takes the outcome of a task: the key's memory changes now, the log when it settles. */
  complete(cell: Cell, task: Task, outcome: Outcome, now: number): void {
    const entries: Array<readonly [Uint8Array, Uint8Array | null]> = []
    const outputs: Array<ProducerRecord> = []
    for (const { record } of outcome.emitted) outputs.push(record)
    for (const reported of outcome.reported) {
      outputs.push(...statusRecords(reported, cell.key, { now, headers: [] }))
    }
    if (outcome.state !== cell.state) {
      cell.state = outcome.state
      cell.bytes = outcome.bytes ?? undefined
      if (this.around.definition.state !== undefined) entries.push([Entry.stateKey(cell.key), outcome.bytes])
    }
    if (outcome.ending._tag === "DeadLetter") outputs.push(this.deadLetter(cell, task, outcome.ending.cause, now))
    let offset = -1
    if (task._tag === "Timer") entries.push(...this.completeTimer(cell, task, outcome, now))
    else {
      if (!task.message.done) offset = task.message.offset
      entries.push(...this.completeMessage(cell, task, outcome, weigh(outputs), now))
    }
    for (const [name, change] of outcome.timers ?? []) {
      entries.push([Entry.timerKey(cell.key, name), change && Entry.timerValue.encode(change.timer)])
      if (change === null) cell.timers?.delete(name)
      else {
        cell.timers ??= new Map()
        cell.timers.set(name, change.timer)
        this.expect(cell, change.timer.due, name)
      }
    }
    this.finish({ cell, id: this.idempotencyKey(cell, task), emitted: outcome.emitted, offset, outputs, entries })
    // What waits behind a message that has just been parked is parked behind it, as turns of its own.
    if (cell.parked.length > 0) this.parkMailbox(cell)
  }

  private completeMessage(cell: Cell, task: Task & { _tag: "Message" }, outcome: Outcome, weight: number, now: number) {
    const entries: Array<readonly [Uint8Array, Uint8Array | null]> = []
    const { message } = task
    const { ending } = outcome
    const wasParked = message.done
    if (ending._tag === "Retry" || ending._tag === "Hold") {
      if (!wasParked) entries.push(this.setAside(message))
      cell.wait = {
        attempt: task.attempt,
        cause: ending.cause,
        since: cell.wait?.since ?? now,
        ...(ending._tag === "Retry" ? { until: now + ending.delay } : {})
      }
      entries.push([Entry.waitKey(cell.key), Entry.waitValue.encode(cell.wait)])
      if (cell.wait.until !== undefined) this.expect(cell, cell.wait.until)
      return entries
    }
    if (wasParked) {
      cell.unpark()
      entries.push([Entry.parkedKey(cell.key, message.offset), null])
    } else this.window.finish(message, weight + (outcome.bytes?.length ?? 0))
    if (cell.wait !== undefined) {
      cell.wait = undefined
      entries.push([Entry.waitKey(cell.key), null])
    }
    return entries
  }

  private completeTimer(cell: Cell, task: Task & { _tag: "Timer" }, outcome: Outcome, now: number) {
    const { name, timer } = task
    // The turn set or cancelled this very timer: that holds.
    if (outcome.timers?.has(name) === true) return []
    const { ending } = outcome
    if (ending._tag !== "Retry" && ending._tag !== "Hold") return this.advance(cell, name, timer, now)
    // A held timer never comes due by itself.
    const retryAt = ending._tag === "Retry" ? now + ending.delay : Number.MAX_SAFE_INTEGER
    const again: Entry.Timer = { ...timer, attempt: task.attempt, retryAt }
    cell.timers!.set(name, again)
    if (ending._tag === "Retry") this.expect(cell, retryAt, name)
    return [[Entry.timerKey(cell.key, name), Entry.timerValue.encode(again)] as const]
  }

  /** A timer that took effect (or was skipped) becomes its next due time, or is over. */
  private advance(cell: Cell, name: string, timer: Entry.Timer, now: number) {
    const { next } = firing(timer, now)
    if (next === undefined) cell.timers?.delete(name)
    else {
      cell.timers!.set(name, next)
      this.expect(cell, next.due, name)
    }
    return [[Entry.timerKey(cell.key, name), next === undefined ? null : Entry.timerValue.encode(next)] as const]
  }

  private deadLetter(cell: Cell, task: Task, cause: string, now: number): ProducerRecord {
    const common = { topic: this.around.deadLetters, partition: this.partition, failedAt: now }
    const key = utf8.encode(cell.key)
    const letter = { id: this.idempotencyKey(cell, task), cause, attempts: task.attempt, source: this.sourceOf(task) }
    return deadLetterRecord(
      task._tag === "Timer"
        ? { ...common, key, value: cell.bytes ?? null, headers: [], letter }
        : { ...common, key, value: task.message.value, headers: task.message.headers, letter }
    )
  }

  sourceOf(task: Task) {
    return task._tag === "Timer"
      ? { timer: task.name, due: DateTime.makeUnsafe(task.timer.due) }
      : { topic: this.topic, partition: this.partition, offset: task.message.offset }
  }

  idempotencyKey(cell: Cell, task: Task): string {
    return task._tag === "Timer"
      ? `${this.around.definition.name}/${cell.key}/${task.name}/${new Date(task.timer.due).toISOString()}`
      : `${this.topic}/${this.partition}/${task.message.offset}`
  }

  // ------------------------------------------------------------------ parking

  private setAside(message: Message): readonly [Uint8Array, Uint8Array] {
    this.window.finish(message, message.bytes)
    message.cell.park(message)
    return [Entry.parkedKey(message.cell.key, message.offset), Entry.parkedValue(message)]
  }

  private park(message: Message): void {
    const { cell, offset } = message
    this.finish({ cell, offset, outputs: [], entries: [this.setAside(message)] })
  }

  private parkMailbox(cell: Cell): void {
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

  private finish(turn: Finished): void {
    turn.cell.unsettled++
    this.finished.push(turn)
  }

  private expect(cell: Cell, due: number, timer?: string): void {
    this.around.expect({ due, partition: this, cell, ...(timer === undefined ? {} : { timer }) })
  }

  private cell(key: string): Cell {
    let cell = this.cells.get(key)
    if (cell === undefined) {
      cell = new Cell(key)
      this.cells.set(key, cell)
    }
    return cell
  }

  private parkedMessage(cell: Cell, stored: Entry.StoredMessage): Message {
    return { ...stored, cell, next: stored.offset + 1, bytes: stored.value?.length ?? 0, weight: 0, done: true }
  }
}
