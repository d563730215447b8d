import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Logger, Metric, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { KafkaError, TransactionError } from "../../src/kafka/errors.ts"
import type { Away } from "../../src/kafka/away.ts"
import type { Child, Probe } from "../../src/supervision/child.ts"
import { policy } from "../../src/supervision/intensity.ts"
import * as Supervisor from "../../src/supervision/supervisor.ts"

const running: Probe = {
  status: () => ({ state: "running", partitions: [] }),
  busy: Effect.succeed(false),
  progress: () => 0,
  crash: Effect.void
}

/** A child whose runs end one after the other as told; after the last it stays up. Counts what is open. */
const scripted = (actor: string, endings: ReadonlyArray<Effect.Effect<unknown, unknown>>) => {
  const counts = { runs: 0, open: 0, mostOpen: 0 }
  const child: Child = {
    actor,
    kind: "keyed",
    replica: 0,
    run: (show) =>
      Effect.gen(function* () {
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            counts.open += 1
            counts.mostOpen = Math.max(counts.mostOpen, counts.open)
          }),
          () =>
            Effect.sync(() => {
              counts.open -= 1
            })
        )
        show(running)
        return yield* endings[counts.runs++] ?? Effect.never
      })
  }
  return { child, counts }
}

const crash = Effect.die(new Error("a bug in the machinery"))
const away = Effect.fail(new KafkaError({ reason: "Unavailable", message: "no broker at 127.0.0.1:9092" }))
const fenced = Effect.fail(new TransactionError({ outcome: "fenced", message: "a newer epoch" }))
const times = <A>(n: number, value: A): ReadonlyArray<A> => Array<A>(n).fill(value)

const make = Supervisor.make({ instance: "one" })
const quiet = Effect.provide(Logger.layer([]))
const started = (children: ReadonlyArray<Child>) =>
  Effect.gen(function* () {
    const supervisor = yield* make
    yield* supervisor.start(children)
    yield* TestClock.adjust(0)
    return supervisor
  })

const stateOf = (supervisor: Supervisor.Supervisor, actor: string) =>
  supervisor.status().find((child) => child.actor === actor)!

describe("supervisor", () => {
  it.effect("restarts the child that crashed and leaves the others alone", () =>
    Effect.gen(function* () {
      const bad = scripted("bad", [crash])
      const good = scripted("good", [])
      const supervisor = yield* started([bad.child, good.child])
      expect(stateOf(supervisor, "bad").state).toBe("starting")
      yield* TestClock.adjust(policy.base)
      expect([bad.counts.runs, good.counts.runs]).toEqual([2, 1])
      expect(stateOf(supervisor, "bad")).toMatchObject({ state: "running", restarts: 1 })
    }).pipe(quiet)
  )

  it.effect("restarts also a child that ended with what throws itself when somebody looks at it", () =>
    Effect.gen(function* () {
      const odd = Object.defineProperty(new Error("odd"), "message", { get: () => expect.fail("looked at") })
      const bad = scripted("bad", [Effect.die(odd), Effect.die(Object.create(null))])
      const lines: Array<string> = []
      const log = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void lines.push(line))])
      const supervisor = yield* Effect.provide(started([bad.child]), log)
      expect(stateOf(supervisor, "bad").trouble!.cause).toBe("an error that cannot be shown")
      yield* TestClock.adjust(policy.base * 3)
      expect(stateOf(supervisor, "bad")).toMatchObject({ state: "running", restarts: 2 })
      expect(lines.filter((line) => line.includes("crashed; restart within"))).toHaveLength(2)
    })
  )

  it.effect("does not bring back as one those that crashed together", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 30 }, (_, n) => scripted(`bad-${n}`, [crash]))
      yield* started(many.map(({ child }) => child))
      const back = () => many.filter(({ counts }) => counts.runs === 2).length
      yield* TestClock.adjust(policy.base / 2 - 1)
      expect(back()).toBe(0)
      yield* TestClock.adjust(policy.base / 4)
      expect(back()).toBeGreaterThan(0)
      expect(back()).toBeLessThan(many.length)
      yield* TestClock.adjust(policy.base / 4 + 1)
      expect(back()).toBe(many.length)
    }).pipe(quiet, Random.withSeed("jitter"))
  )

  it.effect("says since when a child that crashes again and again has been in trouble", () =>
    Effect.gen(function* () {
      const { child } = scripted("bad", times(policy.intensity + 1, crash))
      yield* TestClock.setTime(1_000)
      const supervisor = yield* started([child])
      yield* TestClock.adjust(policy.base * 2 ** policy.intensity)
      expect(stateOf(supervisor, "bad")).toMatchObject({
        state: "failed",
        restarts: policy.intensity + 1,
        trouble: { since: "1970-01-01T00:00:01.000Z", cause: "a bug in the machinery" }
      })
    }).pipe(quiet)
  )

  it.effect("treats a run that just ends as a crash", () =>
    Effect.gen(function* () {
      const { child, counts } = scripted("ended", [Effect.void])
      yield* started([child])
      yield* TestClock.adjust(policy.base)
      expect(counts.runs).toBe(2)
    }).pipe(quiet)
  )

  it.effect("treats a run that throws before it begins as a crash", () =>
    Effect.gen(function* () {
      const { child, counts } = scripted("late", [])
      let thrown = false
      const supervisor = yield* started([
        {
          ...child,
          run: (show) => {
            if (thrown) return child.run(show)
            thrown = true
            throw new Error("no such actor")
          }
        }
      ])
      yield* TestClock.adjust(policy.base)
      expect(counts.runs).toBe(1)
      expect(stateOf(supervisor, "late")).toMatchObject({ state: "running", restarts: 1 })
    }).pipe(quiet)
  )

  it.effect("treats a run that interrupts itself as a crash", () =>
    Effect.gen(function* () {
      const { child, counts } = scripted("interrupted", [Effect.interrupt])
      yield* started([child])
      yield* TestClock.adjust(policy.base)
      expect(counts.runs).toBe(2)
    }).pipe(quiet)
  )

  it.effect("shows a child beyond its intensity as failed, tries it slowly, and lets the others go on", () =>
    Effect.gen(function* () {
      const bad = scripted("bad", times(policy.intensity + 2, crash))
      const good = scripted("good", [])
      const supervisor = yield* started([bad.child, good.child])
      yield* TestClock.adjust(policy.base * 2 ** policy.intensity)
      expect(stateOf(supervisor, "bad").state).toBe("failed")
      expect(stateOf(supervisor, "good").state).toBe("running")
      const before = bad.counts.runs
      yield* TestClock.adjust(policy.slow / 2 - policy.base * 2 ** policy.intensity)
      expect(bad.counts.runs).toBe(before)
      yield* TestClock.adjust(policy.slow * 2)
      expect(stateOf(supervisor, "bad").state).toBe("running")
    }).pipe(quiet)
  )

  it.effect("starts a failed child at once when asked by hand, with a clean record", () =>
    Effect.gen(function* () {
      const { child, counts } = scripted("bad", times(policy.intensity + 2, crash))
      const supervisor = yield* started([child])
      yield* TestClock.adjust(policy.base * 2 ** policy.intensity)
      expect(stateOf(supervisor, "bad").state).toBe("failed")
      expect(yield* supervisor.restart("bad")).toBe(1)
      yield* TestClock.adjust(policy.base)
      expect(stateOf(supervisor, "bad").state).toBe("running")
      expect(counts.runs).toBe(policy.intensity + 3)
    }).pipe(quiet)
  )

  it.effect("drains a running child before its restart by hand begins", () =>
    Effect.gen(function* () {
      const { child, counts } = scripted("good", [])
      const supervisor = yield* started([child])
      expect(yield* supervisor.restart("good")).toBe(1)
      yield* TestClock.adjust(0)
      expect(counts).toEqual({ runs: 2, open: 1, mostOpen: 1 })
      expect(stateOf(supervisor, "good").restarts).toBe(0)
    })
  )

  it.effect("knows no child of another name", () =>
    Effect.gen(function* () {
      const supervisor = yield* started([scripted("good", []).child])
      expect(yield* supervisor.restart("absent")).toBe(0)
    })
  )

  it.effect("waits for a broker that is away for as long as it takes, and never calls the child failed", () =>
    Effect.gen(function* () {
      const { child } = scripted("patient", times(200, away))
      const supervisor = yield* started([child])
      for (let minute = 0; minute < 10; minute++) {
        expect(stateOf(supervisor, "patient")).toMatchObject({
          state: "waiting",
          restarts: 0,
          trouble: { error: "KafkaError/Unavailable" }
        })
        yield* TestClock.adjust("1 minute")
      }
      yield* TestClock.adjust("1 hour")
      expect(stateOf(supervisor, "patient").state).toBe("running")
    }).pipe(quiet)
  )

  it.effect("takes its transactional id back once, in case the broker itself had swept it", () =>
    Effect.gen(function* () {
      const { child } = scripted("frozen", [fenced])
      const supervisor = yield* started([child])
      yield* TestClock.adjust(policy.base)
      expect(stateOf(supervisor, "frozen").state).toBe("running")
    }).pipe(quiet)
  )

  it.effect("ends the program when another process keeps taking its transactional id", () =>
    Effect.gen(function* () {
      const { child, counts } = scripted("twin", times(10, fenced))
      const supervisor = yield* started([child])
      const failed = yield* Effect.forkChild(Effect.exit(supervisor.failed))
      yield* TestClock.adjust("1 hour")
      expect(counts.runs).toBe(2)
      const exit = yield* Fiber.join(failed)
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("two processes share instance one")
    }).pipe(quiet)
  )

  it.effect("never restarts silently: the log names actor, replica and cause", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const log = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => lines.push(line))])
      yield* started([scripted("bad", [crash]).child]).pipe(Effect.provide(log))
      expect(lines.filter((line) => line.includes("level=ERROR"))).toHaveLength(1)
      expect(lines.join()).toMatch(/a bug in the machinery.*actor=bad.*replica=0/s)
    })
  )

  it.effect("drains in the reverse of the order of starting, those started together at the same time", () =>
    Effect.gen(function* () {
      const drained: Array<string> = []
      const finish = Latch.makeUnsafe()
      const slow = (actor: string): Child => ({
        actor,
        kind: "keyed",
        replica: 0,
        run: () =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.andThen(
              Effect.sync(() => drained.push(`${actor} drains`)),
              finish.await
            ).pipe(Effect.andThen(Effect.sync(() => drained.push(`${actor} is out`))))
          )
      })
      const scope = yield* Scope.make()
      const supervisor = yield* Scope.provide(make, scope)
      yield* supervisor.start([slow("sink")])
      yield* supervisor.start([slow("left"), slow("right")])
      yield* TestClock.adjust(0)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust(0)
      expect(drained.toSorted()).toEqual(["left drains", "right drains"])
      expect(supervisor.status().map(({ state }) => state)).toEqual(["starting", "draining", "draining"])
      yield* finish.open
      yield* Fiber.join(closing)
      expect(drained.slice(-2)).toEqual(["sink drains", "sink is out"])
      expect(supervisor.status().map(({ state }) => state)).toEqual(["stopped", "stopped", "stopped"])
    })
  )

  it.effect("is busy while a child starts or has work, and not while it waits for the clock", () =>
    Effect.gen(function* () {
      const work = { busy: true }
      const up = yield* Deferred.make<void>()
      const child: Child = {
        actor: "worker",
        kind: "keyed",
        replica: 0,
        run: (show) =>
          Effect.andThen(
            Deferred.await(up),
            Effect.suspend(() => {
              show({ ...running, busy: Effect.sync(() => work.busy) })
              return Effect.never
            })
          )
      }
      const supervisor = yield* started([child, scripted("bad", [crash]).child])
      expect(yield* supervisor.busy).toBe(true)
      yield* Deferred.succeed(up, undefined)
      yield* TestClock.adjust(0)
      expect(yield* supervisor.busy).toBe(true)
      work.busy = false
      expect(yield* supervisor.busy).toBe(false)
    }).pipe(quiet)
  )

  it.effect(
    "shows a child as waiting while the broker is away from it, since when and why, but not while leaders move",
    () =>
      Effect.gen(function* () {
        const broker: { away?: Away } = {}
        const child: Child = {
          ...scripted("reader", []).child,
          run: (show) => {
            show({ ...running, status: () => ({ state: "running", partitions: [], away: broker.away }) })
            return Effect.never
          }
        }
        const supervisor = yield* started([child])
        const shown = () => {
          const { state, trouble } = stateOf(supervisor, "reader")
          return { state, trouble }
        }
        broker.away = { since: 0, cause: "no answer from 127.0.0.1:9092" }
        yield* TestClock.adjust(9_999)
        expect(shown()).toEqual({ state: "running", trouble: undefined })
        yield* TestClock.adjust(1)
        expect(shown()).toEqual({
          state: "waiting",
          trouble: {
            since: "1970-01-01T00:00:00.000Z",
            cause: "no answer from 127.0.0.1:9092",
            error: "KafkaError/Unavailable"
          }
        })
        delete broker.away
        expect(shown()).toEqual({ state: "running", trouble: undefined })
      }).pipe(quiet)
  )

  it.effect("leaves no fiber and no scope behind over ten thousand restarts", () =>
    Effect.gen(function* () {
      expect(yield* afterRestarts(10_000)).toEqual(yield* afterRestarts(0))
    })
  )
})

/** The fibers and resources there are once a child that crashed so many times stays up, and after its supervisor is closed. */
const afterRestarts = Effect.fnUntraced(function* (restarts: number) {
  let fibers = 0
  const counting = Effect.provideService(Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => {
      fibers += 1
    },
    recordFiberEnd: () => {
      fibers -= 1
    }
  })
  return yield* Effect.gen(function* () {
    const { child, counts } = scripted("flapping", times(restarts, crash))
    const scope = yield* Scope.make()
    const policy = { intensity: restarts + 1, base: 1, max: 1 }
    const supervisor = yield* Scope.provide(Supervisor.make({ instance: "one", policy }), scope)
    yield* supervisor.start([
      {
        ...child,
        run: (show) => Effect.andThen(Effect.forkScoped(Effect.never), child.run(show))
      }
    ])
    for (let n = 0; n <= restarts; n++) yield* TestClock.adjust(1)
    expect(counts).toMatchObject({ runs: restarts + 1, mostOpen: 1 })
    const up = { fibers, open: counts.open }
    yield* Scope.close(scope, Exit.void)
    return { up, closed: { fibers, open: counts.open } }
  }).pipe(counting, quiet)
})
