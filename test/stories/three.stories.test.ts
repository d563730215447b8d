import { assert, layer } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { ground, process, world } from "./processes.ts"
import type { Ship } from "./fleet.ts"
import { all, limit } from "./stories.ts"
import { ask, get, named, told, until, World } from "./world.ts"

const imports = ["contacts-import", "import-jobs", "import-progress"]

/** The three processes of the system below, by what they run. */
class Three extends Context.Service<
  Three,
  { readonly gateway: Ship; readonly imports: Ship; readonly rest: Ship; readonly others: string }
>()("test/stories/Three") {}

const isRunning = ({ state }: { readonly state: string }) => state === "running"

/** Who runs an actor, as `/actors` tells: its name, and the instances. */
const runners = Effect.map(
  get("/actors"),
  (actors: ReadonlyArray<any>) =>
    Object.fromEntries(
      actors.map(({ name, replicas, state }) => [
        name,
        state === "running"
          ? replicas
              .filter(isRunning)
              .map(({ instance }: any) => instance)
              .toSorted()
          : state
      ])
    ) as Record<string, unknown>
)

const sorted = (of: Readonly<Record<string, unknown>>) => Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1))

const three = Layer.effect(
  Three,
  Effect.gen(function* () {
    const gateway = yield* process("gateway", "--actors", "gateway")
    const actors = yield* Effect.promise(async () => (await fetch(`${gateway.url}/actors`)).json())
    const rest = (actors as ReadonlyArray<{ readonly name: string }>)
      .map(({ name }) => name)
      .filter((name) => name !== "gateway" && !imports.includes(name))
    const others = rest.join()
    const [importing, resting] = yield* Effect.all(
      [process("imports", "--actors", imports.join()), process("rest", "--actors", others)],
      { concurrency: 2 }
    )
    return Three.of({ gateway, imports: importing, rest: resting, others })
  })
)

/** The gateway alone is asked. */
const system = Layer.effect(
  World,
  Effect.flatMap(Three, ({ gateway }) => world({ gateways: [gateway], size: 1 }))
)

const whole = system.pipe(Layer.provideMerge(three), Layer.provideMerge(ground))

layer(whole, { excludeTestServices: true, timeout: "3 minutes" })(
  "three processes, one with the gateway alone, one with the import alone, one with the rest,",
  (it) => {
    it.effect(
      "are one system: the gateway knows who runs what, and answers for all of them",
      () =>
        Effect.gen(function* () {
          const expected = Object.fromEntries([
            ["gateway", []],
            ...imports.map((name) => [name, ["imports"]]),
            ...(yield* Three).others.split(",").map((name) => [name, ["rest"]]),
            // Every process follows the dead letters.
            ["dead-letters-view", ["gateway", "imports", "rest"]]
          ])
          yield* until(runners, (found) => JSON.stringify(sorted(found)) === JSON.stringify(sorted(expected)))
          yield* Effect.all(Object.values(all), { concurrency: "unbounded" })
        }),
      limit * 60_000
    )

    it.effect(
      "answer every GET while others join and leave, well or not: no server's failure, nothing that was known is unknown",
      () =>
        Effect.gen(function* () {
          const { others } = yield* Three
          const [siteId, sku, orderId, userId] = [named("site"), named("sku"), named("order"), named("user")]
          yield* told("PUT", `/sites/${siteId}`, { owner: "ada", version: 1, installedApps: ["shop"] })
          yield* told("PUT", `/inventory/${sku}`, { quantity: 5 })
          yield* told("POST", "/checkouts", { orderId, userId, items: [{ sku, quantity: 1, price: 1 }] })
          const renew = { every: "30 days" }
          yield* told("PUT", `/subscriptions/${userId}`, { plan: "pro", amount: 1, currency: "EUR", renew })
          yield* until(ask("PUT", `/config/${sku}`, { body: 1 }), ({ status }) => status < 300)
          const paths = [
            `/sites/${siteId}/installed-apps`,
            "/apps/shop/sites",
            `/inventory/${sku}`,
            `/orders/${orderId}`,
            `/subscriptions/${userId}`,
            `/config/${sku}`,
            "/config",
            "/contacts",
            "/topology",
            "/actors",
            "/actors/renewals",
            "/health/live",
            "/health/ready",
            "/health/actors",
            "/metrics",
            "/projections/site-projector",
            "/dead-letters/renewals"
          ]
          for (const path of paths.slice(0, 6)) yield* until(get(path), (answer) => answer !== undefined)
          const { urls } = yield* World
          const wrong: Array<string> = []
          let reads = 0
          // No second try: whatever does not come at once as it should is wrong.
          const reading = Effect.forever(
            Effect.forEach(paths, (path) =>
              Effect.promise(async () => {
                const { status } = await fetch(`${urls[0]!}${path}`, { signal: AbortSignal.timeout(30_000) })
                if (status !== 200) wrong.push(`${path}: ${status}`)
                reads++
              })
            )
          )
          const reader = yield* Effect.forkChild(reading)
          const lives = Effect.fnUntraced(function* (end: "stop" | "end") {
            const scope = yield* Scope.fork(yield* Effect.scope)
            const late = yield* Scope.provide(process(`late-${end}`, "--actors", others), scope)
            const seen = (count: number) =>
              until(runners, (found) => (found["site-projector"] as ReadonlyArray<string>).length === count)
            yield* seen(2)
            // Who is killed is missed only when its session is over.
            assert.deepStrictEqual(
              yield* late[end],
              end === "stop" ? { code: 0, signal: null } : { code: null, signal: "SIGKILL" }
            )
            yield* Scope.close(scope, Exit.void)
          })
          yield* lives("stop")
          yield* lives("end")
          // What comes in meanwhile is done by those who are left.
          yield* told("PUT", `/sites/${siteId}`, { owner: "ada", version: 2, installedApps: ["shop", "blog"] })
          yield* until(get(`/sites/${siteId}/installed-apps`), ({ version }) => version === 2)
          assert.isUndefined(reader.pollUnsafe(), "the reader has failed")
          yield* Fiber.interrupt(reader)
          assert.deepStrictEqual(wrong, [], `of ${reads} reads`)
          assert.isAbove(reads, 5 * paths.length)
        }),
      limit * 60_000
    )
  }
)
