import { expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Metric, Option, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { Actor, Actors, Topic, Topology } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { Projection, Sqlite } from "../../src/projection/index.ts"
import { Log } from "../../src/runtime/log.ts"

const jobs = Topic.make("jobs", { value: Schema.Literals(["work", "hang", "wait"]), partitions: 1 })
const done = Topic.make("done", { value: Schema.Int, partitions: 1 })
class Away extends Schema.TaggedError<Away>()("Away", {}) {}

/** Whenever it ends, one handler of it runs, one key waits for a retry with a message behind it, and a timer is set. */
const worker = Actor.make("worker", {
  inbox: jobs,
  emits: [done],
  state: Schema.Int,
  initial: 0,
  timers: ["later"],
  timeout: "30 days"
})
  .handle({
    message: Effect.fnUntraced(function* (state, job, turn) {
      if (job === "hang") yield* Effect.sleep("20 days")
      if (job === "wait") return yield* new Away()
      yield* turn.set("later", { after: "30 days" })
      yield* turn.emit(done, turn.key, state + 1)
      return state + 1
    }),
    timer: { later: (state) => Effect.succeed(state) }
  })
  .errors({ Away: { retry: { base: "30 days", max: "30 days" }, then: "hold" } })

const sums = Projection.make("sums", {
  inbox: done,
  table: "sums",
  create: (table) =>
    SqlClient.SqlClient.use((sql) => sql`CREATE TABLE ${sql(table)} (id text PRIMARY KEY, sum integer)`),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    for (const { key: id, value } of changes) {
      yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ id, sum: Option.getOrThrow(value) })}
        ON CONFLICT (id) DO UPDATE SET sum = excluded.sum`
    }
  })
})

/** What the processes hold of the port: readers, producers, transactors and members that are open. */
const counted = (kafka: Kafka["Service"], open: (change: 1 | -1) => void): Kafka["Service"] => {
  const count = <A, E, R>(acquire: Effect.Effect<A, E, R>) =>
    Effect.tap(acquire, () =>
      Effect.acquireRelease(
        Effect.sync(() => open(1)),
        () => Effect.sync(() => open(-1))
      )
    ) as Effect.Effect<A, E, R>
  return {
    ...kafka,
    producer: count(kafka.producer),
    reader: (options) => count(kafka.reader(options)),
    transactor: (options) => count(kafka.transactor(options)),
    member: (options) => count(kafka.member(options))
  }
}

/** Until nothing can happen without the clock. */
const quiet = Effect.fnUntraced(function* ({ busy, progress }: Actors["Service"]) {
  for (let [still, calm, last] = [0, 0, -1]; still < 500 && calm < 3; still++) {
    calm = (yield* busy) ? 0 : calm + 1
    const now = progress()
    if (now !== last) still = 0
    last = now
    yield* Effect.yieldNow
  }
})

/**
 * What there is of everything before and after so many restarts of the worker and the projection, and once the process has been
 * closed. Every hundredth restart is one by hand, with a drain.
 */
const counts = (restarts: number, resource: Layer.Layer<never, never, Kafka> = Layer.empty) => {
  const now = { fibers: 0, connections: 0, scopes: 0, sessions: 0, openTransactions: 0, waiting: 0 }
  /** Each run's scope is there until this is closed with it. */
  const scopes = Layer.effectDiscard(
    Effect.acquireRelease(
      Effect.sync(() => now.scopes++),
      () => Effect.sync(() => now.scopes--)
    )
  )
  const fibers = Effect.provideService(Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => {
      now.fibers += 1
    },
    recordFiberEnd: () => {
      now.fibers -= 1
    }
  })
  return Effect.gen(function* () {
    const { control } = yield* Embedded.EmbeddedBroker
    const kafka = counted(yield* Kafka, (change) => {
      now.connections += change
    })
    const scope = yield* Scope.make()
    const look = Effect.map(control.kept, (kept) => ({ ...now, ...kept }))
    const idle = yield* look
    const topology = Topology.make("restarts", Actor.provide(Layer.merge(resource, scopes))(worker), sums)
    const running = Layer.provide(Topology.layer(topology), Layer.succeed(Kafka, kafka))
    const actors = Context.get(yield* Layer.buildWithScope(running, scope), Actors)
    for (const key of ["ada", "bob", "eve"]) {
      const log = yield* Log
      yield* log.append(jobs, key, "work")
      if (key !== "ada")
        for (const job of [key === "bob" ? "hang" : "wait", "work"] as const) yield* log.append(jobs, key, job)
    }
    yield* quiet(actors)
    yield* TestClock.adjust("2 seconds")
    yield* quiet(actors)
    const before = yield* look
    for (let n = 1; n <= restarts; n++) {
      const name = n % 4 === 0 ? "sums" : "worker"
      expect(yield* n % 100 === 0 ? actors.restart(name) : actors.crash(name)).toBe(1)
      // A drain waits for the handler that runs.
      if (n % 100 === 0) yield* TestClock.adjust("6 seconds")
      // Most strike while the one before is still under way, at any of its steps.
      if (n % 10 === 0) yield* quiet(actors)
      else yield* Effect.repeat(Effect.yieldNow, { times: (n * 7) % 40 })
    }
    yield* quiet(actors)
    const after = yield* look
    const replicas = actors.status().flatMap(({ replicas }) => replicas)
    const states = replicas.map(({ state }) => state)
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(closing)
    return { idle, before, after, states, closed: yield* look }
  }).pipe(
    Effect.provide([
      Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory)),
      Sqlite.layer(":memory:"),
      Logger.layer([])
    ]),
    fibers
  )
}

describe("ten thousand restarts", () => {
  it.effect(
    "leave as many fibers, scopes, connections, members and transactions as there were, and a close leaves none",
    () =>
      Effect.gen(function* () {
        const { after, before, closed, idle, states } = yield* counts(10_000)
        expect(states).toEqual(["running", "running", "running"])
        expect(after).toEqual(before)
        expect(closed).toEqual(idle)
        // It counts what is there.
        expect(before).toMatchObject({ scopes: 1, sessions: 2 })
        expect(before.connections).toBeGreaterThan(4)
        expect(before.waiting).toBeGreaterThan(0)
        expect(before.fibers).toBeGreaterThan(idle.fibers)
      }),
    900_000
  )

  const leaks: ReadonlyArray<readonly ["fibers" | "connections", Effect.Effect<unknown, never, Kafka>]> = [
    ["fibers", Effect.forkDetach(Effect.never)],
    [
      "connections",
      Kafka.use((kafka) => Effect.flatMap(Scope.make(), (scope) => Scope.provide(Effect.orDie(kafka.reader()), scope)))
    ]
  ]
  for (const [what, leak] of leaks) {
    it.effect(`are seen to leave ${what} behind where a resource leaks them`, () =>
      Effect.gen(function* () {
        const { after, before } = yield* counts(20, Layer.effectDiscard(leak))
        expect(after[what]).toBeGreaterThan(before[what])
      })
    )
  }
})
