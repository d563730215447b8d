import { Deferred, Effect, Latch, Result } from "effect"
import type { Scope } from "effect"
import { KafkaError } from "../errors.ts"
import { publish } from "./log.ts"
import type { State } from "./state.ts"

/** Work of one flush, in records: it bounds how long the event loop stands still (about 10 ms). */
const flushWeight = 8192

interface Operation {
  readonly weight: number
  /** Changes the state, or refuses and changes nothing. */
  readonly apply: () => void
  /** Once that is on disk, or has failed. */
  readonly answer: (failed: KafkaError | undefined) => void
}

/** Changes the state and answers, or refuses and changes nothing. */
export type Apply<A, E> = () => Result.Result<A, E>

/**
 * Applies requests one after the other, and answers them when what they changed is on disk. Whatever has arrived when the
 * scheduler comes round shares one database transaction (group commit): there is no timer to wait for.
 */
export interface Writer {
  readonly submit: <A, E = never>(apply: Apply<A, E>, weight?: number) => Effect.Effect<A, E | KafkaError>
  /** The same in two halves: in line at once, and the answer to be awaited. `weight` is a number of records. */
  readonly enqueue: <A, E = never>(apply: Apply<A, E>, weight?: number) => Effect.Effect<A, E | KafkaError>
}

export const make = (state: State): Effect.Effect<Writer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { db } = state.storage
    const begin = db.prepare("BEGIN IMMEDIATE")
    const commit = db.prepare("COMMIT")
    const arrived = Latch.makeUnsafe(false)
    let queue: Array<Operation> = []
    let broken: KafkaError | undefined

    const take = (): Array<Operation> => {
      let count = 0
      let weight = 0
      while (count < queue.length && (count === 0 || weight + queue[count]!.weight <= flushWeight)) {
        weight += queue[count++]!.weight
      }
      const taken = queue.slice(0, count)
      queue = queue.slice(count)
      return taken
    }

    const flush = (operations: ReadonlyArray<Operation>): void => {
      try {
        begin.run()
        for (const operation of operations) operation.apply()
        for (const log of state.touched) state.storage.seal(log)
        commit.run()
      } catch (cause) {
        // Memory is now ahead of the disk: as a broker whose log directory fails, this one answers nothing any more.
        broken = new KafkaError({ reason: "Unavailable", message: "the broker's storage failed", cause })
        if (db.isTransaction) db.exec("ROLLBACK")
      }
      const wakes = state.wakes.splice(0)
      if (broken === undefined) {
        for (const log of state.touched) {
          publish(log)
          wakes.push(...log.watchers)
        }
      }
      state.touched.clear()
      for (const operation of operations) operation.answer(broken)
      for (const wake of wakes) wake()
    }

    const drain = Effect.gen(function* () {
      arrived.closeUnsafe()
      while (queue.length > 0 && broken === undefined) {
        yield* Effect.yieldNow
        const operations = take()
        flush(operations)
      }
      if (broken === undefined) return
      refuseAll(broken)
      yield* Effect.logError(broken.message, broken.cause)
      return yield* Effect.never
    })

    const refuseAll = (error: KafkaError): void => {
      broken = error
      for (const operation of queue) operation.answer(error)
      queue = []
    }
    const closed = new KafkaError({ reason: "Closed", message: "the broker is closed" })
    yield* Effect.addFinalizer(() => Effect.sync(() => refuseAll(broken ?? closed)))

    yield* Effect.forkScoped(Effect.forever(Effect.andThen(arrived.await, drain)))

    const enqueue = <A, E>(apply: Apply<A, E>, weight = 1): Effect.Effect<A, E | KafkaError> => {
      if (broken !== undefined) return Effect.fail(broken)
      const answer = Deferred.makeUnsafe<A, E | KafkaError>()
      let result: Result.Result<A, E | KafkaError> = Result.fail(closed)
      queue.push({
        weight,
        apply: () => {
          result = apply()
        },
        answer: (failed) => {
          Deferred.doneUnsafe(answer, failed === undefined ? Effect.fromResult(result) : Effect.fail(failed))
        }
      })
      arrived.openUnsafe()
      return Deferred.await(answer)
    }
    return { enqueue, submit: (apply, weight) => Effect.suspend(() => enqueue(apply, weight)) }
  })
