import { Cause, Effect, Exit, FiberSet } from "effect"
import type { Fiber, Scope } from "effect"
import type { Cell } from "./cell.ts"
import type { Partition } from "./partition.ts"

/** Keys that have something to do, taken in turn by a bounded set of workers. */
export interface Dispatcher {
  /** Puts a key into the ready queue, once. */
  readonly wake: (partition: Partition, cell: Cell) => void
  /** Nothing is ready and nothing runs. */
  readonly idle: () => boolean
  /** Keys that are ready and not taken yet. */
  readonly waiting: () => number
}

export interface Work<R> {
  /** One task of one key; none where there is nothing to run. It never fails but by a defect of the machinery. */
  readonly turn: (
    partition: Partition,
    cell: Cell,
    worker: Fiber.Fiber<unknown, unknown>
  ) => Effect.Effect<void, never, R> | undefined
  /** Around a worker's whole life. */
  readonly provide: <A>(worker: Effect.Effect<A, never, R>) => Effect.Effect<A>
  /** The worker was interrupted in the middle of this key's task. */
  readonly interrupted: (partition: Partition, cell: Cell) => void
  readonly crashed: (cause: Cause.Cause<unknown>) => void
}

/** A worker lives while there is something ready; at most `workers` at a time. A key is with one worker at a time. */
export const make = Effect.fnUntraced(function* <R>(
  workers: number,
  work: Work<R>
): Effect.fn.Return<Dispatcher, never, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime()
  let ready: Array<readonly [Partition, Cell]> = []
  let head = 0
  let active = 0

  const take = () => {
    if (head === ready.length) return undefined
    const next = ready[head]!
    head++
    if (head > 1024 && head * 2 > ready.length) {
      ready = ready.slice(head)
      head = 0
    }
    return next
  }

  const start = () => {
    active++
    let current: readonly [Partition, Cell] | undefined
    const worker = Effect.withFiber<void, never, R>((fiber) =>
      Effect.gen(function* () {
        // Whoever wakes a key is in the middle of something: begin after it.
        yield* Effect.yieldNow
        for (current = take(); current !== undefined; current = take()) {
          current[1].ready = false
          const turn = work.turn(current[0], current[1], fiber)
          if (turn !== undefined) yield* turn
        }
      })
    )
    run(work.provide(worker)).addObserver((exit) => {
      active--
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) return work.crashed(exit.cause)
      // Interrupted: the key's partition is over, or its handler ran out of time.
      if (current !== undefined) work.interrupted(...current)
      if (head < ready.length && active < workers) start()
    })
  }

  return {
    wake: (partition, cell) => {
      if (cell.ready) return
      cell.ready = true
      ready.push([partition, cell])
      if (active < workers) start()
    },
    idle: () => active === 0 && head === ready.length,
    waiting: () => ready.length - head
  }
})
