import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, FiberSet, Layer, Random } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, inject } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { Postgres } from "../../src/projection/postgres.ts"
import { start } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"
import { launch } from "../stories/fleet.ts"
import type { Ship } from "../stories/fleet.ts"
import { paymentService } from "../stories/payments.ts"
import { all } from "../stories/stories.ts"
import { get, records, saidTwice, until, World } from "../stories/world.ts"
import { nextFault } from "./faults.ts"
import { percentile, probing, weighing } from "./watch.ts"
import type { Probe, Weight } from "./watch.ts"

/** Minutes of load; seconds between faults, on average; `SOAK_SEED` brings the same faults again. */
const minutes = Number(process.env.SOAK_MINUTES ?? 10)
const every = Number(process.env.SOAK_EVERY ?? 5)
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)
/** Minutes that one story may take, and the end. */
const patience = 5
const probes = 12

let brokers: Brokers
beforeAll(async () => {
  brokers = await start(3)
})
afterAll(() => brokers?.stop())

const database = Effect.gen(function* () {
  const server = new URL(inject("postgres"))
  yield* SqlClient.SqlClient.use((sql) => sql`CREATE DATABASE soak`).pipe(Effect.provide(Postgres.layer(server.href)))
  server.pathname = "/soak"
  return server.href
})

interface Happened {
  readonly name: string
  readonly at: number
}

/**
 * One fault after the other, at random moments; nobody has two at a time. Ends when `end` has come and all is made good, and at
 * once where one cannot be made good.
 */
const faults = Effect.fnUntraced(function* (end: number, steady: Ship, others: ReadonlyArray<Ship>) {
  const happened: Array<Happened> = []
  const busy = new Set<string>()
  yield* Effect.scoped(
    Effect.gen(function* () {
      const running = yield* FiberSet.make()
      const all = Effect.gen(function* () {
        while ((yield* Clock.currentTimeMillis) < end) {
          yield* Effect.sleep(yield* Random.nextIntBetween(every * 500, every * 1_500))
          const { happens, name, whom } = yield* nextFault(brokers, steady, others)
          if (busy.has(whom)) continue
          busy.add(whom)
          happened.push({ name, at: yield* Clock.currentTimeMillis })
          const over = Effect.sync(() => busy.delete(whom))
          yield* FiberSet.run(running, Effect.ensuring(happens, over))
        }
        yield* FiberSet.awaitEmpty(running)
      })
      yield* Effect.raceFirst(all, FiberSet.join(running))
    })
  )
  return happened
})

/** Every actor runs everywhere, nothing waits, and whatever was sent has been settled. */
const isLevel = (actors: ReadonlyArray<any> | undefined): boolean =>
  actors?.every(
    ({ kind, replicas }) =>
      kind === "routes" ||
      replicas
        .filter(({ silentSince }: any) => silentSince === undefined)
        .every(
          ({ partitions, state }: any) =>
            state === "running" && partitions.every(({ lag, parked }: any) => lag === 0 && parked === 0)
        )
  ) === true

const report = (happened: ReadonlyArray<Happened>, seen: ReadonlyArray<Probe>, weights: ReadonlyArray<Weight>) => {
  const seconds = (millis: number) => Number((millis / 1_000).toFixed(1))
  const rows = Object.entries(Object.groupBy(happened, ({ name }) => name)).map(([fault, times]) => {
    // Until the next fault: what overlaps may be the fault of either.
    const longest = times!.map(({ at }) => {
      const next = happened.find((other) => other.at > at)?.at ?? Infinity
      return Math.max(
        0,
        ...seen.filter((probe) => probe.at < next && probe.at + probe.took > at).map(({ took }) => took)
      )
    })
    return {
      fault,
      times: times!.length,
      "longest wait, median s": seconds(percentile(longest, 0.5)),
      "max s": seconds(Math.max(...longest))
    }
  })
  console.table(rows)
  const took = seen.map((probe) => probe.took)
  console.log(
    `command to view, of ${took.length}: p50 ${percentile(took, 0.5)} ms, p99 ${seconds(percentile(took, 0.99))} s, max ${seconds(Math.max(...took))} s`
  )
  const part = (from: number, to: number, of: (weight: Weight) => number) =>
    percentile(weights.slice(weights.length * from, weights.length * to).map(of), 0.5)
  const quarters = (of: (weight: Weight) => number) => [0, 0.25, 0.5, 0.75].map((from) => part(from, from + 0.25, of))
  const memory = quarters(({ rss }) => Math.round(rss / 1e6))
  const descriptors = quarters((weight) => weight.descriptors)
  const connections = quarters((weight) => weight.connections)
  console.log(
    `the process that lived, by quarters: ${memory.join(", ")} MB, ${connections.join(", ")} connections to one broker, ` +
      `${descriptors.join(", ")} other descriptors`
  )
  return { memory, connections, descriptors }
}

it.live(
  `the six patterns under load and faults for ${minutes} minutes (SOAK_SEED=${seed})`,
  () =>
    Effect.gen(function* () {
      const system = {
        bootstrap: brokers.bootstrap,
        database: yield* Effect.orDie(database),
        payments: yield* paymentService
      }
      const kafka = Context.get(yield* Layer.build(Cluster.layer({ brokers: brokers.bootstrap.split(",") })), Kafka)
      const names = ["steady", "one", "two"]
      const [steady, ...others] = yield* Effect.forEach(names, (name) =>
        // A drain waits for a broker that is frozen.
        launch({ ...system, payments: system.payments.url }, name, "--drain", "60")
      )
      const urls = [steady!, ...others].map(({ url }) => url)
      const world = World.of({ urls, kafka, payments: system.payments, trouble: Effect.void, size: 1 })
      const end = (yield* Clock.currentTimeMillis) + minutes * 60_000
      const runs: Record<string, number> = {}
      const [seen, weights]: [Array<Probe>, Array<Weight>] = [[], []]

      const telling = Effect.forEach(
        Object.entries(all),
        ([name, story]) =>
          Effect.gen(function* () {
            while ((yield* Clock.currentTimeMillis) < end) {
              yield* Effect.scoped(Effect.timeout(story, `${patience} minutes`))
              runs[name] = (runs[name] ?? 0) + 1
            }
          }),
        { concurrency: "unbounded", discard: true }
      )
      const told = Effect.gen(function* () {
        const ports = system.bootstrap.split(",").map((broker) => Number(broker.split(":")[1]))
        const watching = [yield* Effect.forkChild(weighing(steady!.pid, ports, weights))]
        for (let n = 0; n < probes; n++) watching.push(yield* Effect.forkChild(probing(seen)))
        const [happened] = yield* Effect.all([faults(end, steady!, others), telling], { concurrency: 2 })
        yield* until(get("/actors", 0), isLevel)
        yield* Fiber.interruptAll(watching)
        for (const topic of ["import-progress", "import-rejects", "contacts"]) {
          assert.deepStrictEqual(saidTwice(yield* records(topic)).slice(0, 20), [], topic)
        }
        return happened
      }).pipe(Effect.provideService(World, world))

      const happened = yield* told
      console.table(runs)
      const { connections, descriptors, memory } = report(happened, seen, weights)
      for (const name of Object.keys(all)) assert.isAtLeast(runs[name] ?? 0, 1, name)
      // What grows are the states of ever more orders and users, not what one message costs.
      assert.isBelow(memory[3]!, memory[1]! * 1.3 + 30, "memory")
      assert.isBelow(connections[3]!, connections[1]! + 20, "connections to one broker")
      assert.isBelow(descriptors[3]!, descriptors[1]! + 20, "other descriptors")
      for (const ship of [steady!, ...others]) {
        assert.deepStrictEqual(
          yield* ship.stop,
          { code: 0, signal: null },
          `${ship.name}: ${ship.stderr().slice(-2_000)}`
        )
      }
    }).pipe(Effect.scoped, Random.withSeed(seed), Effect.provide(NodeServices.layer)),
  (minutes + 2 * patience + 2) * 60_000
)
