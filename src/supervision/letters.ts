import { Clock, Effect, Option, Result, Schema } from "effect"
import type { AnyActor } from "../actor/actor.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { Kafka, TopicSpec } from "../kafka/kafka.ts"
import { mostReplays } from "../runtime/control.ts"
import type { LetterCommand } from "../runtime/control.ts"
import { doneRecord, readLetter } from "../runtime/deadLetter.ts"
import type { Letter } from "../runtime/deadLetter.ts"
import { letterAt, letterId } from "../runtime/letters.ts"
import type { OpenLetters, Place } from "./deadLetters.ts"
import type { Operator } from "./operator.ts"

/**
 * Why a dead letter is not replayed or discarded.
 *
 * - `UnknownLetter`: there is none of this id (any more).
 * - `ReplayLimit`: its message has been replayed as often as a message may be, and failed each time.
 * - `NoKey`: its record has no key, so no key's state could take it.
 * - `AtLeastOnce`: its actor has no storage to remember by what has been replayed. It can be discarded.
 * - `Projection`: a projection reads its topics again only when it is rebuilt. It can be discarded.
 */
export class LetterRefused extends Schema.TaggedError<LetterRefused>()("LetterRefused", {
  reason: Schema.Literals(["UnknownLetter", "ReplayLimit", "NoKey", "AtLeastOnce", "Projection"]),
  message: Schema.String
}) {}

/** A dead letter as `GET /dead-letters/{actor}` shows it. */
export interface ShownLetter {
  readonly id: string
  readonly key: string | null
  readonly error: string
  readonly attempts: number
  readonly failedAt: string
  readonly source:
    | { readonly topic: string; readonly partition: number; readonly offset: number }
    | { readonly timer: string; readonly due: string }
  /** JSON, or text where the bytes are none; null for a tombstone. A timer's is the state. */
  readonly value: unknown
  /** What its message was first known by to the systems it called. */
  readonly idempotencyKey: string
  readonly replays: number
}

export interface LetterPage {
  readonly letters: ReadonlyArray<ShownLetter>
  /** The next page's `after`; null: this is the last. */
  readonly next: string | null
}

/** Whose dead letters, and where they are. */
export interface LetterOwner {
  readonly name: string
  readonly topic: Pick<TopicSpec, "name" | "partitions">
  /** Absent: a projection. */
  readonly actor: AnyActor | undefined
}

/** What operators do with dead letters, of whatever process. */
export interface Letters {
  list(owner: LetterOwner, after: Place | undefined, limit: number): Effect.Effect<LetterPage, KafkaError>
  /** Waits until the command is in the log. Repeated, it takes effect once. */
  command(owner: LetterOwner, command: LetterCommand): Effect.Effect<void, KafkaError | LetterRefused>
  /** Replays every open letter that may be; at most `mostAtOnce` of them. */
  replayAll(owner: LetterOwner): Effect.Effect<{ readonly replayed: number; readonly refused: number }, KafkaError>
}

const mostAtOnce = 10_000
/** Values of one page, in bytes: a page ends when it is full, whatever its limit. */
const mostBytes = 1_048_576
const reads = { concurrency: 8 }
const text = new TextDecoder()

const valueOf = (bytes: Uint8Array | null): unknown => {
  if (bytes === null) return null
  const string = text.decode(bytes)
  return Result.getOrElse(
    Result.try((): unknown => JSON.parse(string)),
    () => string
  )
}

const sourceOf = ({ origin: { source } }: Letter): ShownLetter["source"] =>
  "timer" in source ? { timer: source.timer, due: new Date(source.due).toISOString() } : source

const shown = ({ offset, partition }: Place, letter: Letter): ShownLetter => ({
  id: letterId(partition, offset),
  key: letter.key === null ? null : text.decode(letter.key),
  error: letter.error,
  attempts: letter.attempts,
  failedAt: letter.failedAt,
  source: sourceOf(letter),
  value: valueOf(letter.value),
  idempotencyKey: letter.origin.id,
  replays: letter.origin.replays
})

/** Who takes commands about its letters; a discard of others' is told in their topic. */
const commandable = ({ actor }: LetterOwner): AnyActor | undefined =>
  actor === undefined || actor.definition.isAtLeastOnce ? undefined : actor

const refusal = (
  owner: LetterOwner,
  id: string,
  letter: Letter | undefined,
  op: LetterCommand["op"]
): LetterRefused | undefined => {
  const because = (reason: LetterRefused["reason"], message: string) =>
    new LetterRefused({ reason, message: `dead letter ${id} ${message}` })
  if (letter === undefined) return because("UnknownLetter", "does not exist, or no longer")
  if (op === "discard") return undefined
  if (owner.actor === undefined) {
    return because("Projection", "cannot be replayed: a projection reads its topics again only when it is rebuilt")
  }
  if (owner.actor.definition.isAtLeastOnce) {
    return because("AtLeastOnce", `cannot be replayed: ${owner.name} handles at least once and takes no commands`)
  }
  if (letter.key === null) return because("NoKey", "has no key: it can only be discarded")
  if (letter.origin.replays < mostReplays) return undefined
  return because("ReplayLimit", `has been replayed ${letter.origin.replays} times and failed each time`)
}

export const make = (kafka: Kafka["Service"], open: OpenLetters, operator: Operator): Letters => {
  const read = ({ topic }: LetterOwner, place: Place) =>
    Effect.map(kafka.read({ topic: topic.name, ...place }), (record) =>
      Option.isNone(record) ? undefined : readLetter(record.value)
    )

  return {
    list: Effect.fnUntraced(function* (owner, after, limit) {
      const places = open.behind(owner.topic.name, after, limit + 1)
      const letters: Array<ShownLetter> = []
      let [bytes, last] = [0, undefined as Place | undefined]
      for (let from = 0; from < Math.min(places.length, limit); from += reads.concurrency) {
        const some = places.slice(from, Math.min(from + reads.concurrency, limit))
        const found = yield* Effect.forEach(some, (place) => read(owner, place), reads)
        for (const [index, letter] of found.entries()) {
          bytes += letter?.value?.length ?? 0
          if (bytes > mostBytes && letters.length > 0) break
          last = some[index]
          // Retention has taken it since it was listed.
          if (letter !== undefined) letters.push(shown(last!, letter))
        }
        if (bytes > mostBytes) break
      }
      const more = last !== undefined && last !== places.at(-1)
      return { letters, next: more ? letterId(last!.partition, last!.offset) : null }
    }),
    command: Effect.fnUntraced(function* (owner, command) {
      const place = letterAt(command.id)
      const isThere = place !== undefined && place.partition < owner.topic.partitions
      const letter = isThere ? yield* read(owner, place) : undefined
      const refused = refusal(owner, command.id, letter, command.op)
      if (refused !== undefined) return yield* refused
      const [{ offset, partition }, { key }] = [place!, letter!]
      const actor = commandable(owner)
      if (actor !== undefined) return yield* operator.send(actor, [{ partition, key, command }])
      const now = Math.floor(yield* Clock.currentTimeMillis)
      yield* operator.write([doneRecord({ topic: owner.topic.name, partition, key }, offset, "discard", now)])
    }),
    replayAll: Effect.fnUntraced(function* (owner) {
      let [replayed, refused] = [0, 0]
      const actor = commandable(owner)
      const places = open.behind(owner.topic.name, undefined, mostAtOnce)
      if (actor === undefined) return { replayed, refused: places.length }
      for (let from = 0; from < places.length; from += 100) {
        const some = places.slice(from, from + 100)
        const letters = yield* Effect.forEach(some, (place) => read(owner, place), reads)
        const commands = letters.flatMap((letter, index) => {
          const { offset, partition } = some[index]!
          const id = letterId(partition, offset)
          if (letter === undefined || refusal(owner, id, letter, "replay") !== undefined) return []
          return [{ partition, key: letter.key, command: { op: "replay", id } as const }]
        })
        yield* operator.send(actor, commands)
        replayed += commands.length
        refused += some.length - commands.length
      }
      return { replayed, refused }
    })
  }
}
