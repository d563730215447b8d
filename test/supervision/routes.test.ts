import { expect, it } from "@effect/vitest"
import { Context, Effect, Option, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { describe } from "vitest"
import { Actors, statusOf } from "../../src/supervision/actors.ts"
import type { ChildStatus } from "../../src/supervision/child.ts"
import { actorFamilies } from "../../src/supervision/families.ts"
import { prometheus } from "../../src/supervision/prometheus.ts"
import { LetterRefused } from "../../src/supervision/letters.ts"
import { KeyRefused } from "../../src/supervision/operator.ts"
import type { PlannedNode } from "../../src/supervision/plan.ts"
import { routes } from "../../src/supervision/routes.ts"

const node = (name: string, replicas: number, kind: PlannedNode["kind"] = "keyed"): PlannedNode => ({
  name,
  kind,
  inbox: [],
  emits: [],
  dependsOn: [],
  start: 1,
  stop: 1,
  replicas
})
const nodes = [node("gateway", 1, "routes"), node("renewals", 2), node("elsewhere", 0)]
const held = { key: 'user "1"', since: "2026-01-01T00:00:00.000Z", cause: "payment" }
const child = (replica: number, state: ChildStatus["state"]): ChildStatus => ({
  actor: "renewals",
  kind: "keyed",
  replica,
  state,
  partitions: [{ partition: 3, lag: 7, inFlight: 2, parked: 1, held }],
  restarts: 4
})
const letters = (actor: string) => (actor === "renewals" ? 9 : 0)
const status = () =>
  statusOf({
    nodes,
    instance: "p1",
    children: [child(0, "running"), child(1, "failed")],
    deadLetters: letters,
    oldestDeadLetter: (actor) => (actor === "renewals" ? 1_500 : undefined)
  })

/** The answers of the routes, and what was asked of which actors. */
const served = Effect.gen(function* () {
  const [restarted, commanded]: [Array<string>, Array<string>] = [[], []]
  const actors = Context.make(Actors, {
    topology: { name: "shop", nodes },
    status,
    everywhere: status,
    progress: () => 0,
    crash: () => Effect.succeed(0),
    restart: (name) =>
      Effect.sync(() => {
        restarted.push(name)
        return name === "renewals" ? 2 : 0
      }),
    command: (name, key, { op }) =>
      key.startsWith("odd")
        ? Effect.fail(new KeyRefused({ message: "key: odd" }))
        : Effect.sync(() => {
            commanded.push(`${op} ${key} of ${name}`)
            return name === "renewals"
          }),
    letters: (name) =>
      name !== "renewals"
        ? Option.none()
        : Option.some({
            list: (after, limit) =>
              Effect.sync(() => {
                commanded.push(`list ${after?.partition}-${after?.offset} ${limit}`)
                return { letters: [], next: null }
              }),
            command: ({ id, op }) =>
              id === "9-9"
                ? Effect.fail(new LetterRefused({ reason: "ReplayLimit", message: "too often" }))
                : Effect.sync(() => {
                    commanded.push(`${op} letter ${id}`)
                  }),
            replayAll: Effect.succeed({ replayed: 3, refused: 1 })
          }),
    busy: Effect.succeed(false),
    failed: Effect.never
  })
  const web = yield* Effect.acquireRelease(
    Effect.sync(() => HttpRouter.toWebHandler(routes, { disableLogger: true })),
    ({ dispose }) => Effect.promise(dispose)
  )
  const ask = (method: string, path: string, body?: unknown) =>
    Effect.promise(async () => {
      const headers = { "content-type": "application/json" }
      const sent = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) }
      const response = await web.handler(new Request(`http://127.0.0.1${path}`, sent), actors)
      const text = await response.text()
      const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false
      return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text }
    })
  return { ask, restarted, commanded }
})

describe("routes of operations", () => {
  it.effect("show the topology as planned here", () =>
    Effect.gen(function* () {
      const { ask } = yield* served
      expect(yield* ask("GET", "/topology")).toEqual({ status: 200, body: { name: "shop", nodes } })
    })
  )

  it.effect("show every actor, and one by name, with the worst state of its replicas", () =>
    Effect.gen(function* () {
      const { ask } = yield* served
      const renewals = {
        name: "renewals",
        kind: "keyed",
        state: "failed",
        replicas: [
          { instance: "p1", replica: 0, state: "running", partitions: child(0, "running").partitions, restarts: 4 },
          { instance: "p1", replica: 1, state: "failed", partitions: child(0, "running").partitions, restarts: 4 }
        ],
        deadLetters: 9,
        oldestDeadLetter: "1970-01-01T00:00:01.500Z"
      }
      expect(yield* ask("GET", "/actors/renewals")).toEqual({ status: 200, body: renewals })
      expect((yield* ask("GET", "/actors")).body).toEqual([
        { name: "gateway", kind: "routes", state: "running", replicas: [], deadLetters: 0 },
        renewals,
        { name: "elsewhere", kind: "keyed", state: "stopped", replicas: [], deadLetters: 0 }
      ])
    })
  )

  it.effect("tell the health of what runs here, with 200 also when an actor has failed", () =>
    Effect.gen(function* () {
      const { ask } = yield* served
      const { body, status } = yield* ask("GET", "/health/actors")
      expect(status).toBe(200)
      expect((body as ReadonlyArray<{ name: string }>).map(({ name }) => name)).toEqual(["gateway", "renewals"])
    })
  )

  it.effect("restart an actor by hand", () =>
    Effect.gen(function* () {
      const { ask, restarted } = yield* served
      expect(yield* ask("POST", "/actors/renewals/restart")).toEqual({
        status: 202,
        body: { name: "renewals", replicas: 2 }
      })
      expect(restarted).toEqual(["renewals"])
    })
  )

  it.effect("answer for an unknown actor, and for one that does not run here, and touch nothing", () =>
    Effect.gen(function* () {
      const { ask, restarted } = yield* served
      expect(yield* ask("GET", "/actors/nobody")).toEqual({
        status: 404,
        body: { error: "UnknownActor", message: 'no actor is named "nobody"' }
      })
      expect((yield* ask("POST", "/actors/nobody/restart")).status).toBe(404)
      expect(yield* ask("POST", "/actors/elsewhere/restart")).toMatchObject({
        status: 409,
        body: { error: "NotSupervised" }
      })
      expect(restarted).toEqual(["elsewhere"])
    })
  )

  it.effect.each(["pause", "resume", "skip"])("%s a key, whatever is in it", (op) =>
    Effect.gen(function* () {
      const { ask, commanded } = yield* served
      expect(yield* ask("POST", `/actors/renewals/keys/import-1%2F7%20%C3%A9/${op}`)).toEqual({
        status: 202,
        body: { name: "renewals", key: "import-1/7 é", op }
      })
      expect(commanded).toEqual([`${op} import-1/7 é of renewals`])
      for (const key of ["", "..", "nul\0"]) {
        expect(yield* ask("POST", `/actors/renewals/keys/${op}`, { key })).toMatchObject({ status: 202, body: { key } })
        expect(commanded.pop()).toBe(`${op} ${key} of renewals`)
      }
      expect((yield* ask("POST", `/actors/nobody/keys/k/${op}`)).status).toBe(404)
      expect(yield* ask("POST", `/actors/elsewhere/keys/k/${op}`)).toMatchObject({
        status: 409,
        body: { error: "NotKeyed" }
      })
      const refused = { status: 400, body: { error: "KeyRefused", message: "key: odd" } }
      expect(yield* ask("POST", `/actors/renewals/keys/odd/${op}`)).toEqual(refused)
    })
  )

  it.effect("list, replay and discard dead letters", () =>
    Effect.gen(function* () {
      const { ask, commanded } = yield* served
      expect(yield* ask("GET", "/dead-letters/renewals?after=3-17&limit=5")).toEqual({
        status: 200,
        body: { letters: [], next: null }
      })
      expect((yield* ask("GET", "/dead-letters/renewals")).status).toBe(200)
      expect((yield* ask("POST", "/dead-letters/renewals/3-17/replay")).status).toBe(202)
      expect((yield* ask("POST", "/dead-letters/renewals/3-17/discard")).status).toBe(202)
      expect(yield* ask("POST", "/dead-letters/renewals/replay")).toEqual({
        status: 202,
        body: { actor: "renewals", replayed: 3, refused: 1 }
      })
      expect(commanded).toEqual([
        "list 3-17 5",
        "list undefined-undefined 100",
        "replay letter 3-17",
        "discard letter 3-17"
      ])
      for (const [method, path, status, error] of [
        ["GET", "/dead-letters/nobody", 404, "UnknownActor"],
        ["GET", "/dead-letters/elsewhere", 409, "NoDeadLetters"],
        ["GET", "/dead-letters/renewals?limit=0", 400, "InvalidRequest"],
        ["GET", "/dead-letters/renewals?limit=1e9", 400, "InvalidRequest"],
        ["GET", "/dead-letters/renewals?after=..%2F", 400, "InvalidRequest"],
        ["POST", "/dead-letters/renewals/9-9/replay", 409, "ReplayLimit"]
      ] as const) {
        expect(yield* ask(method, path)).toMatchObject({ status, body: { error } })
      }
    })
  )

  it.effect("give every series a line of its own in Prometheus' text", () =>
    Effect.gen(function* () {
      const { ask } = yield* served
      const { body } = yield* ask("GET", "/metrics")
      expect(body).toContain('sixfold_replica_state{actor="renewals",replica="1",state="failed"} 1\n')
      expect(body).toContain('sixfold_replica_restarts_total{actor="renewals",replica="0"} 4\n')
      expect(body).toContain('sixfold_dead_letters{actor="renewals"} 9\n')
      expect(body).toContain('sixfold_dead_letters_oldest_timestamp_seconds{actor="renewals"} 1.5\n')
      expect(body).toContain('sixfold_partition_lag{actor="renewals",replica="0",partition="3"} 7\n')
      expect(body).toContain('sixfold_partition_held{actor="renewals",replica="0",partition="3"} 1\n')
      expect(body).toMatch(/^process_resident_memory_bytes [1-9]\d+$/m)
    })
  )
})

it.prop("a label cannot break out of its line", [Schema.String], ([topic]) => {
  const status = statusOf({
    nodes: [node("view", 1, "projection")],
    instance: "p1",
    children: [
      { ...child(0, "running"), actor: "view", partitions: [{ ...child(0, "running").partitions[0]!, topic }] }
    ],
    deadLetters: letters
  })
  const text = prometheus(actorFamilies(status))
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^(# (HELP|TYPE) sixfold_\w+ [\w .,]+|sixfold_\w+\{(\w+="([^"\\]|\\["\\n])*",?)+\} \d+)$/)
  }
})
