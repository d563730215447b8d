import { Cause, Clock, Effect } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import type { AnyProjection } from "../actor/projection.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { mayBeTheRecord } from "./blame.ts"
import { halves, refuse } from "./decode.ts"
import type { Stretch } from "./decode.ts"
import { ProjectionError } from "./errors.ts"
import { deadLetter } from "./letters.ts"
import type { Letter } from "./letters.ts"
import { advance, takeTurns } from "./positions.ts"
import type { Position } from "./positions.ts"

/** A stretch of a partition, and where its projection stands there. */
export interface Piece {
  readonly position: Position
  readonly stretch: Stretch
}

/** Where pieces go. */
export interface Target {
  readonly projection: AnyProjection
  /** Whose positions these are: the projection's name, or its rebuild's. */
  readonly id: string
  readonly table: string
  /** Takes what is refused. */
  readonly bury: (letters: ReadonlyArray<Letter>) => Effect.Effect<void, KafkaError>
}

/** So many records of one call may be refused by the database. */
const mostRefused = 100

/**
 * Dead letters are acknowledged before the commit: after a crash in between they are written again, under the same id. They
 * come last, so that a transaction that fails has written none.
 */
const bury = Effect.fnUntraced(function* ({ bury, projection }: Target, pieces: ReadonlyArray<Piece>) {
  const now = Math.floor(yield* Clock.currentTimeMillis)
  const letters = pieces.flatMap(({ position, stretch }) =>
    stretch.refusals.map((refusal) => deadLetter(projection, position, refusal, now))
  )
  if (letters.length > 0) yield* bury(letters)
})

/** Rows, next offsets and owner check: one transaction. */
const once = Effect.fnUntraced(function* (target: Target, pieces: ReadonlyArray<Piece>) {
  const sql = yield* SqlClient.SqlClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      for (const { position, stretch } of pieces) yield* advance(target.id, position, stretch.next)
      const changes = pieces.flatMap(({ stretch }) => stretch.changes)
      if (changes.length > 0) {
        // A rebuild is one process.
        if (target.id === target.projection.name) yield* takeTurns(target.projection)
        yield* target.projection.definition.apply(target.table, changes)
      }
      yield* bury(target, pieces)
    })
  )
  for (const { position, stretch } of pieces) position.stored = stretch.next
})

/**
 * Writes what was polled. Where the database refuses it, it is halved down to the record that is to blame, which becomes a dead
 * letter; order within a partition is kept.
 */
export const write = Effect.fnUntraced(function* (target: Target, pieces: ReadonlyArray<Piece>) {
  let refused = 0
  const waiting: Array<ReadonlyArray<Piece>> = [pieces]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const group = next
    const failure = yield* Effect.match(Effect.sandbox(once(target, group)), {
      onSuccess: () => undefined,
      onFailure: (cause) => cause
    })
    if (failure === undefined) continue
    const [piece] = group
    const isBuried = group.length === 1 && piece!.stretch.changes.length === 0
    if (isBuried || !mayBeTheRecord(failure)) return yield* Effect.failCause(failure)
    if (group.length > 1) {
      const middle = group.length >>> 1
      waiting.push(group.slice(middle), group.slice(0, middle))
    } else if (piece!.stretch.changes.length > 1) {
      const [first, second] = halves(piece!.stretch)
      waiting.push([{ ...piece!, stretch: second }], [{ ...piece!, stretch: first }])
    } else {
      refused++
      if (refused > mostRefused) {
        const { name } = target.projection
        const message = `more than ${mostRefused} records of one batch are refused, the last: ${Cause.pretty(failure)}`
        return yield* new ProjectionError({ reason: "TooManyRefused", projection: name, message })
      }
      waiting.push([{ ...piece!, stretch: refuse(piece!.stretch, causeOf(failure)) }])
    }
  }
})

/** What the database itself says is behind what its client says: why it refuses a value, and not only that it does. */
const causeOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (SqlError.isSqlError(error) && error.reason.cause instanceof Error) {
    return `the database refuses it: ${error.reason.cause.message}`
  }
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
