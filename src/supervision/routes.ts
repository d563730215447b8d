import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { jsonBody } from "../http/body.ts"
import { json } from "../http/json.ts"
import { shownKey } from "../actor/printable.ts"
import { problem } from "../http/problem.ts"
import type { KeyCommand } from "../runtime/control.ts"
import { Actors } from "./actors.ts"
import { letterRoutes } from "./letterRoutes.ts"
import { actorFamilies, processFamilies } from "./families.ts"
import { prometheus } from "./prometheus.ts"

const named = Effect.map(HttpRouter.params, ({ name }) => name ?? "")

const unknown = (name: string) => problem(404, "UnknownActor", `no actor is named ${JSON.stringify(name)}`)

const topology = HttpRouter.add(
  "GET",
  "/topology",
  Actors.use(({ topology }) => Effect.succeed(json(topology)))
)

const all = HttpRouter.add(
  "GET",
  "/actors",
  Actors.use(({ everywhere }) => Effect.sync(() => json(everywhere())))
)

const one = HttpRouter.add(
  "GET",
  "/actors/:name",
  Effect.gen(function* () {
    const [{ everywhere }, name] = [yield* Actors, yield* named]
    const actor = everywhere().find((actor) => actor.name === name)
    return actor === undefined ? unknown(name) : json(actor)
  })
)

/** 202: the replicas here drain and start anew. 409 where none runs here. */
const restart = HttpRouter.add(
  "POST",
  "/actors/:name/restart",
  Effect.gen(function* () {
    const [{ restart, topology }, name] = [yield* Actors, yield* named]
    if (!topology.nodes.some((node) => node.name === name)) return unknown(name)
    const replicas = yield* restart(name)
    if (replicas === 0) return problem(409, "NotSupervised", `${name} has no replica in this process`)
    yield* Effect.logInfo(`${name}: restart by hand, ${replicas} replicas`)
    return json({ name, replicas }, 202)
  })
)

const commanded = Effect.fnUntraced(
  function* (op: KeyCommand["op"], key: string) {
    const [{ command, topology }, name] = [yield* Actors, yield* named]
    if (!topology.nodes.some((node) => node.name === name)) return unknown(name)
    if (!(yield* command(name, key, { op }))) return problem(409, "NotKeyed", `${name} has no keys`)
    yield* Effect.logInfo(`${name}: ${op} key ${shownKey(key)}`)
    return json({ name, key, op }, 202)
  },
  Effect.catchTag("KeyRefused", ({ message }) => Effect.succeed(problem(400, "KeyRefused", message)))
)

const anyKey = jsonBody(Schema.Struct({ key: Schema.String }))

/**
 * 202: the command is in the log, and the key's owner, in whatever process, obeys it in its turn. The key is in the address or, whatever it
 * is, in the body: an address holds neither dots alone nor a NUL nor nothing.
 */
const command = (op: KeyCommand["op"]) =>
  Layer.merge(
    HttpRouter.add(
      "POST",
      `/actors/:name/keys/:key/${op}`,
      Effect.flatMap(HttpRouter.params, ({ key = "" }) => commanded(op, key))
    ),
    HttpRouter.add(
      "POST",
      `/actors/:name/keys/${op}`,
      Effect.flatMap(anyKey, ({ key }) => commanded(op, key))
    )
  )

/** What runs here, well or not; always 200: a failed actor must not evict a process that can answer. */
const health = HttpRouter.add(
  "GET",
  "/health/actors",
  Actors.use(({ status, topology }) =>
    Effect.sync(() => {
      const here = new Set(topology.nodes.filter(({ replicas }) => replicas > 0).map(({ name }) => name))
      return json(status().filter(({ name }) => here.has(name)))
    })
  )
)

const metrics = HttpRouter.add(
  "GET",
  "/metrics",
  Effect.gen(function* () {
    const { status } = yield* Actors
    const text = `${prometheus([...actorFamilies(status()), ...processFamilies()])}${yield* PrometheusMetrics.format()}`
    return HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
  })
)

/**
 * The routes of operations. `/actors` tells of all processes, health and metrics of this one; a key is commanded in whichever it
 * lives, and a restart is of the replicas here.
 */
export const routes = Layer.mergeAll(
  topology,
  all,
  one,
  restart,
  command("pause"),
  command("resume"),
  command("skip"),
  letterRoutes,
  health,
  metrics
)
