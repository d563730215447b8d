import { Cause, Duration, Effect, Exit, Fiber, FiberSet, Latch, Option, Scope } from "effect"
import { shownKey } from "../actor/printable.ts"
import type { Outcome } from "./attempt.ts"
import type { Cell } from "./cell.ts"
import type { Partition } from "./partition.ts"
import type { Place } from "./run.ts"
import type { Begun, Turns } from "./turns.ts"
import { turnScope } from "./turnScope.ts"
import { woken } from "./woken.ts"

/** Keys that have something to do, taken in turn by a bounded set of workers. */
export interface Dispatcher {
  /** Puts a key into the ready queue, once. */
  readonly wake: (partition: Partition, cell: Cell) => void
  /** Nothing is ready and nothing runs. */
  readonly idle: () => boolean
  /** Keys that are ready and not taken yet. */
  readonly waiting: () => number
}

export interface Work {
  readonly actor: string
  readonly turns: Turns
  /** Around a worker's whole life: the services of the handlers. */
  readonly provide: (worker: Effect.Effect<void, never, unknown>) => Effect.Effect<void>
  /** The worker was interrupted in the middle of this key's task. */
  readonly interrupted: (partition: Partition, cell: Cell) => void
  readonly crashed: (cause: Cause.Cause<unknown>) => void
}

/** How long an end waits for handlers that are interrupted. */
const patience = Duration.seconds(5)

/** Ends the workers. A handler that cannot be interrupted, or never lets go of what it has, must not keep its replica down: it is left behind. */
const end = Effect.fnUntraced(function* (scope: Scope.Closeable, actor: string, keys: () => ReadonlyArray<string>) {
  const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
  const ended = yield* Effect.timeoutOption(Effect.interruptible(Fiber.await(closing)), patience)
  if (Option.isSome(ended)) return
  yield* Effect.logWarning("Handlers do not end though they are interrupted: they are left behind").pipe(
    Effect.annotateLogs({ actor, keys: keys().slice(0, 10).map(shownKey).join(", ") })
  )
})

/**
 * A worker lives while there is something ready; at most `workers` at a time. A key is with one worker at a time. Workers are
 * started one by one, each once those before it wait for their handlers: handlers that never wait are all run by one.
 */
export const make = Effect.fnUntraced(function* (
  workers: number,
  work: Work
): Effect.fn.Return<Dispatcher, never, Scope.Scope> {
  const scope = yield* Scope.make()
  const run = yield* Scope.provide(FiberSet.makeRuntime(), scope)
  const alive = new Set<() => Place | undefined>()
  const keys = () => [...alive].flatMap((of) => of()?.cell.key ?? [])
  yield* Effect.addFinalizer(() => end(scope, work.actor, keys))
  const more = yield* Latch.make(false)
  let ready: Array<Place> = []
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
    next.cell.ready = false
    return next
  }

  const start = () => {
    active++
    let current: Place | undefined
    let begun: Begun | undefined
    let left: Effect.Effect<void> | undefined
    const own = turnScope()
    const taken = (outcome: Outcome) => work.turns.end(begun!.run, outcome)
    const place = () => current
    alive.add(place)
    const worker = Effect.withFiber<void, never, unknown>((fiber) =>
      Effect.whileLoop<Outcome | void, never, unknown>({
        while: () => {
          if (left !== undefined) return true
          do {
            current = take()
            begun = current && work.turns.begin(current, fiber)
          } while (current !== undefined && begun === undefined)
          return begun !== undefined
        },
        body: () => left ?? begun!.effect,
        step: (outcome) => {
          if (left !== undefined) left = undefined
          else if (own.isEmpty()) left = taken(outcome as Outcome)
          else
            left = Effect.andThen(
              own.close,
              Effect.suspend(() => taken(outcome as Outcome) ?? Effect.void)
            )
        }
      })
    )
    run(work.provide(own.provide(worker))).addObserver((exit) => {
      active--
      alive.delete(place)
      // Interrupted: the key's partition is over, or its handler ran out of time. Crashed: a drain must not wait for it.
      if (current !== undefined) work.interrupted(current.partition, current.cell)
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) return work.crashed(exit.cause)
      if (head < ready.length) more.openUnsafe()
    })
  }

  const startAll = Effect.whileLoop({
    while: () => head < ready.length && active < workers,
    body: () => Effect.andThen(Effect.sync(start), Effect.yieldNow),
    step: () => {}
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.andThen(woken(more), more.close), startAll)))

  return {
    wake: (partition, cell) => {
      if (cell.ready) return
      cell.ready = true
      ready.push({ partition, cell })
      if (active < workers) more.openUnsafe()
    },
    idle: () => active === 0 && head === ready.length,
    waiting: () => ready.length - head
  }
})
