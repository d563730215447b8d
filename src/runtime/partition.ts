import type { ActorDefinition } from "../actor/actor.ts"
import * as Utf8 from "../actor/utf8.ts"
import type { TopicPartition } from "../kafka/records.ts"
import * as Entry from "../store/entry.ts"
import { Cell } from "./cell.ts"
import { closed } from "./closure.ts"
import type { Message, Running } from "./cell.ts"
import { Decoded } from "./decoded.ts"
import type { Finished } from "./finished.ts"
import { LettersDone } from "./letters.ts"
import { Window } from "./window.ts"

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
  /** Messages admitted and not settled at which polling pauses; what has been polled by then may go beyond. */
  readonly capacity: number
  /** The same in bytes. */
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
  /** Keys that may have something parked, held or paused: what a status looks at. */
  readonly waiting = new Set<Cell>()
  phase: "restoring" | "active" | "draining" | "over" = "restoring"
  /** Its reading is held back: the window is full. */
  paused = false
  /** Called once when nothing runs any more. */
  onQuiet: (() => void) | undefined
  position: Entry.Position
  /** Bytes of encoded state of all keys; counted where the actor has a limit. */
  stateBytes = 0
  /** How far the restore of its state is, in offsets of the changelog. */
  restored = { done: 0, end: 0 }
  /** Dead letters that an operator is done with. */
  readonly letters = new LettersDone()
  /** The offset after the last one polled, and the end the broker told of. */
  readOffset = 0
  endOffset = 0
  /** Turns settled since it was taken. */
  turns = 0
  /** When it last settled or was restored further, or last had nothing to settle (milliseconds since the epoch). */
  progressAt = 0
  /** Since when it has had something to settle and has not, if it was taken anew meanwhile. */
  stalledSince: number | undefined
  /** The broker refuses what it settles, whatever is tried: which transactional id, since when, and why. */
  refusal: { readonly key: string; readonly since: number; readonly cause: string } | undefined
  private readonly decoded = new Decoded()
  /** Finished and not settled, in the order of finishing. */
  private finished: Array<Finished> = []
  /** For records whose key cannot be read: they have no state. */
  readonly nowhere = new Cell("")
  readonly around: Surroundings

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

  /** Everything is restored: from now on keys have things to do. */
  activate(next: number, topicId: string): void {
    this.position = { topicId, next, settle: this.position.settle }
    this.readOffset = next
    this.phase = "active"
    for (const cell of this.cells.values()) {
      if (!cell.free) this.waiting.add(cell)
      for (const [name, { due, retryAt }] of cell.timers ?? []) {
        if (retryAt !== Entry.held) this.expect(cell, retryAt ?? due, name)
      }
      if (cell.wait?.until !== undefined) this.expect(cell, cell.wait.until)
      else if (cell.parked.length > 0 && cell.wait === undefined) this.around.wake(this, cell)
    }
  }

  // ------------------------------------------------------------------ what a key does next

  /** Whether the due time still holds: a timer may have been cancelled or set anew since. */
  awaits({ cell, due, timer }: DueItem): boolean {
    if (this.phase === "over") return false
    if (timer === undefined) return cell.wait?.until === due
    const now = cell.timers?.get(timer)
    return now !== undefined && (now.retryAt ?? now.due) === due
  }

  /** Keys whose time has come become ready. */
  ring(item: DueItem): void {
    if (!this.awaits(item)) return
    if (item.timer !== undefined) item.cell.ring(item.timer)
    this.around.wake(this, item.cell)
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

  // ------------------------------------------------------------------ settling

  /**
   * What can be settled now: at most `limit` inbox messages, and about `weight` bytes, but more where a key's order demands it.
   * A key's turns stay in order: where one is held back, those after it are. `turns` bounds also those that consume no inbox
   * message: to find the one that the broker refuses.
   */
  settleSet(limit: number, weight: number, turns = Infinity): SettleSet | undefined {
    if (this.finished.length === 0 || this.phase === "over" || this.phase === "restoring") return undefined
    for (let [most, heaviest] = [limit, weight]; ; [most, heaviest] = [most * 2, heaviest * 2]) {
      const upTo = this.window.prefix(most, heaviest) ?? this.position.next
      const { included, next, rest } = closed(this.finished, upTo, turns)
      if (included.length > 0) {
        const position = { topicId: this.position.topicId, next, settle: this.position.settle + 1 }
        return { partition: this, included, rest, position }
      }
      // Those that finished first need not be those that may settle first: one of these is there whenever anything is.
      if (turns > 1 && turns < this.finished.length) return this.settleSet(1, weight, 1)
      if (most >= this.window.size) return undefined
    }
  }

  /** The set is committed. What finished since then was added behind it. */
  settled(set: SettleSet): void {
    const since = this.finished.slice(set.included.length + set.rest.length)
    this.finished = since.length === 0 ? set.rest : set.rest.concat(since)
    this.position = set.position
    this.turns += set.included.length
    this.window.settle(set.position.next)
    for (const { cell } of set.included) {
      cell.unsettled--
      if (cell.unsettled > 0) continue
      if (cell.due.length > 0) this.around.wake(this, cell)
      else this.release(cell)
    }
  }

  /** Frees what an idle key does not need. */
  private release(cell: Cell): void {
    if (cell === this.nowhere || !cell.idle) return
    if (this.waiting.size > 0 && cell.free) this.waiting.delete(cell)
    if (cell.empty) this.cells.delete(cell.key)
    else this.decoded.keep(cell)
  }

  /** The key's state is now this JSON; undefined: the initial one. */
  setState(cell: Cell, json: string | undefined): void {
    if (this.around.definition.memory !== undefined) {
      this.stateBytes += Utf8.lengthOf(json ?? "") - Utf8.lengthOf(cell.json ?? "")
    }
    cell.json = json
  }

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
