import { Effect, FiberSet } from "effect"
import type { Fiber, Scope } from "effect"
import type { Cell } from "./cell.ts"
import type { Partition } from "./partition.ts"

/** Keys that have something to do, taken in turn by a bounded set of workers. */
export interface Dispatcher {
  /** Puts a key into the ready queue, once. */
  readonly wake: (partition: Partition, cell: Cell) => void
  /** Nothing is ready and nothing runs. */
  readonly idle: () => boolean
  /** The running workers. */
  readonly active: () => number
}

/** What a worker does for one key: one task of it. Must not fail; where it is interrupted, `interrupted` is told of the key. */
export interface Work<R> {
  readonly turn: (partition: Partition, cell: Cell, fiber: () => Fiber.Fiber<unknown, unknown>) => Effect.Effect<void, never, R>
  readonly interrupted: (partition: Partition, cell: Cell) => void
}

/** A worker lives while there is something ready; at most `workers` at a time. A key is with one worker at a time. */
export const make = Effect.fnUntraced(function*<R>(
  workers: number,
  work: Work<R>
): Effect.fn.Return<Dispatcher, never, R | Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<R>()
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
    const worker = Effect.gen(function*() {
      for (current = take(); current !== undefined; current = take()) {
        current[1].ready = false
        yield* work.turn(current[0], current[1], () => fiber)
      }
    })
    const fiber: Fiber.Fiber<unknown, unknown> = run(worker)
    fiber.addObserver(() => {
      active--
      // Interrupted in the middle: the key's partition is over, or its handler ran out of time.
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
    active: () => active
  }
})
