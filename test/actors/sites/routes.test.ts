import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import type { Scope } from "effect"
import { SqlClient } from "effect/sql"
import { siteProjector } from "../../../actors/sites/installed-apps.ts"
import { installedAppsRoutes } from "../../../actors/sites/routes.ts"
import { siteMetadata } from "../../../actors/sites/topics.ts"
import { Sqlite } from "../../../src/projection/index.ts"
import type { Log } from "../../../src/runtime/log.ts"
import { TestKit } from "../../../src/testing/index.ts"
import { exchange, head, serving, tag } from "../../http/wire.ts"
import { topology } from "./world.ts"

const world = Effect.gen(function* () {
  const services = yield* Effect.context<TestKit | Log | SqlClient.SqlClient>()
  const kit = yield* TestKit
  const { port } = yield* serving(installedAppsRoutes).pipe(Effect.provideContext(services))
  yield* kit.quiet
  const ask = (method: string, path: string, body?: string, type = "application/json") => {
    const lines = body === undefined ? [] : [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`]
    return exchange(port, `${head(port, method, path, ...lines)}${body ?? ""}`)
  }
  const put = (siteId: string, site: unknown) => ask("PUT", `/sites/${siteId}`, JSON.stringify(site))
  const get = (path: string) => Effect.map(ask("GET", path), ({ body }) => JSON.parse(body) as unknown)
  return { ask, put, get, kit }
})

const story = <A, E>(
  name: string,
  body: (given: Effect.Success<typeof world>) => Effect.Effect<A, E, Scope.Scope | TestKit>
) =>
  it.effect(name, () =>
    Effect.flatMap(world, body).pipe(Effect.provide(Layer.merge(TestKit.layer(topology), Logger.layer([]))))
  )

const site = (version: number, ...installedApps: ReadonlyArray<string>) => ({ owner: "ada", version, installedApps })

describe("PUT /sites/{siteId}", () => {
  story("publishes the site as it came; both questions are answered from it", ({ get, kit, put }) =>
    Effect.gen(function* () {
      const published = { ...site(1, "shop", "blog", "shop"), theme: { dark: true } }
      assert.strictEqual((yield* put("s1", published)).status, 202)
      assert.strictEqual((yield* put("a%2Fb%20c", site(4, "blog"))).status, 202)
      yield* kit.quiet
      assert.deepStrictEqual(new Map(yield* kit.read(siteMetadata)).get("s1"), published)
      assert.deepStrictEqual(yield* get("/sites/s1/installed-apps"), {
        siteId: "s1",
        version: 1,
        apps: ["shop", "blog"]
      })
      assert.deepStrictEqual(yield* get("/sites/a%2Fb%20c/installed-apps"), {
        siteId: "a/b c",
        version: 4,
        apps: ["blog"]
      })
      assert.deepStrictEqual(yield* get("/apps/blog/sites"), { sites: ["a/b c", "s1"], next: null })
    })
  )

  const bad: ReadonlyArray<readonly [what: string, body: string]> = [
    ["no JSON", "{"],
    ["nothing", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["no owner", JSON.stringify({ version: 1, installedApps: [] })],
    ["an owner that is no text", JSON.stringify({ ...site(1), owner: 7 })],
    ["no version", JSON.stringify({ owner: "ada", installedApps: [] })],
    ["a negative version", JSON.stringify(site(-1))],
    ["half a version", JSON.stringify(site(0.5))],
    ["a version that no number can hold", '{"owner":"ada","version":9007199254740993,"installedApps":[]}'],
    ["no apps", JSON.stringify({ owner: "ada", version: 1 })],
    ["apps that are no list", JSON.stringify({ ...site(1), installedApps: "shop" })],
    ["an app without an id", JSON.stringify(site(1, ""))],
    ["an app whose id no database holds", JSON.stringify(site(1, "a\u0000"))],
    ["an app with half a character", JSON.stringify(site(1, "\ud800"))],
    ["an app with an endless id", JSON.stringify(site(1, "x".repeat(201)))],
    [
      "endless lists in lists",
      `{"owner":"ada","version":1,"installedApps":[],"x":${"[".repeat(5_000)}${"]".repeat(5_000)}}`
    ]
  ]
  story("refuses what is no site, and publishes nothing", ({ ask, kit }) =>
    Effect.gen(function* () {
      for (const [what, body] of bad) {
        const answer = yield* ask("PUT", "/sites/s1", body)
        assert.strictEqual(answer.status, 400, what)
        assert.strictEqual(tag(answer), "InvalidRequest", what)
      }
      assert.strictEqual((yield* ask("PUT", "/sites/s1", JSON.stringify(site(1)), "text/plain")).status, 415)
      for (const id of ["x".repeat(201), "a%00b"]) {
        assert.strictEqual((yield* ask("PUT", `/sites/${id}`, JSON.stringify(site(1)))).status, 400, id)
      }
      assert.deepStrictEqual(yield* kit.read(siteMetadata), [])
    })
  )
})

describe("GET", () => {
  story("an unknown site is 404, an app that nobody has has no sites", ({ ask, get }) =>
    Effect.gen(function* () {
      const answer = yield* ask("GET", "/sites/nobody/installed-apps")
      assert.strictEqual(answer.status, 404)
      assert.strictEqual(tag(answer), "UnknownSite")
      assert.deepStrictEqual(yield* get("/apps/nothing/sites"), { sites: [], next: null })
    })
  )

  story("sites come in pages, each once", ({ ask, get, kit, put }) =>
    Effect.gen(function* () {
      for (const id of ["e", "b", "d", "a", "c"]) yield* put(id, site(1, "shop"))
      yield* kit.quiet
      assert.deepStrictEqual(yield* get("/apps/shop/sites?limit=2"), { sites: ["a", "b"], next: "b" })
      assert.deepStrictEqual(yield* get("/apps/shop/sites?limit=2&after=b"), { sites: ["c", "d"], next: "d" })
      assert.deepStrictEqual(yield* get("/apps/shop/sites?limit=2&after=d"), { sites: ["e"], next: null })
      for (const limit of ["0", "1001", "x", "1.5", "-1", ""]) {
        assert.strictEqual((yield* ask("GET", `/apps/shop/sites?limit=${limit}`)).status, 400, limit)
      }
    })
  )
})

it.effect("asks by indexes: no question of a route reads the whole table", () =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* siteProjector.definition.create("installed_apps")
    const plans = [
      yield* sql`EXPLAIN QUERY PLAN SELECT version, apps FROM installed_apps WHERE site_id = 's' AND app_id = ''`,
      yield* sql`EXPLAIN QUERY PLAN SELECT site_id FROM installed_apps
        WHERE app_id = 'a' AND site_id > '' ORDER BY site_id LIMIT 1`
    ]
    for (const plan of plans) assert.match((plan[0] as { readonly detail: string }).detail, /^SEARCH/)
  }).pipe(Effect.provide(Sqlite.layer(":memory:")))
)
