import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { cdc, cdcNull, plain, type Sent, withSchemas } from "../actors/sites/world.ts"
import { ask, becomes, get, named, records, told, until, World, write } from "./world.ts"

const text = (value: unknown) => (value === null ? null : JSON.stringify(value))

/** Another program writes what owners and the connector have to say. */
const say = (...sent: ReadonlyArray<Sent>) =>
  write(...sent.map(({ key, topic, value }) => ({ topic: topic.name, key, value: text(value) })))

/** What a dead letter's record is known by. */
const idOf = (headers: ReadonlyArray<readonly [name: string, value: Uint8Array]>) =>
  Buffer.from(headers.find(([name]) => name === "sixfold-idempotency-key")![1]).toString()

const appsOf = (siteId: string) => `/sites/${siteId}/installed-apps`

/**
 * Owners publish their sites over HTTP, a connector copies those of a database into the log, late and twice. Whoever asks gets
 * the apps of the latest version; so it is after the table has been made anew, and meanwhile nobody is refused an answer.
 */
export const sites = Effect.gen(function* () {
  const { size, trouble } = yield* World
  const id = named("site")
  const [shop, blog, mail] = [named("shop"), named("blog"), named("mail")]
  const site = (n: number | string) => `${id}-${n}`

  // Owners publish, and publish again.
  const owned = Array.from({ length: 10 * size }, (_, n) => site(n))
  const publish = (siteId: string, version: number, installedApps: ReadonlyArray<string>) =>
    told("PUT", `/sites/${siteId}`, { owner: "ada", version, installedApps, plan: "pro" })
  yield* Effect.forEach(owned, (siteId) => publish(siteId, 1, [shop]), { concurrency: 8 })
  yield* trouble
  yield* Effect.forEach(owned, (siteId) => publish(siteId, 2, [shop, blog]), { concurrency: 8 })
  yield* publish(owned[0]!, 1, [mail]) // too late

  // The connector: a snapshot, inserts, updates and deletes, some of it twice and out of order.
  const [kept, late, gone] = [site("kept"), site("late"), site("gone")]
  yield* say(
    cdc("r", kept, 1, [shop]),
    cdc("u", kept, 3, [mail]),
    cdc("u", kept, 2, [blog]),
    withSchemas(cdc("c", late, 5, [blog])),
    cdc("u", late, 4, [shop]),
    cdc("c", gone, 1, [shop]),
    cdc("d", gone, 1),
    cdcNull(gone)
  )
  yield* trouble
  yield* say(
    cdc("u", kept, 3, [mail]),
    cdc("c", gone, 1, [shop]),
    plain(site("null"), 1, [shop]),
    plain(site("null"), null)
  )

  // Noise between, which no actor can read: its bytes are kept, and it holds nobody up.
  const noise = [
    { topic: "site-metadata", key: owned[1]!, value: `not a site ${id}` },
    { topic: "site-metadata.cdc", key: kept, value: `{"op":"${id}"}` }
  ]
  yield* write(...noise)
  yield* publish(owned[1]!, 3, [])
  yield* say(cdc("u", kept, 4, [mail, shop]))

  const answers = Effect.gen(function* () {
    yield* becomes(appsOf(owned[1]!), { siteId: owned[1], version: 3, apps: [] })
    for (const siteId of owned.toSpliced(1, 1))
      yield* becomes(appsOf(siteId), { siteId, version: 2, apps: [shop, blog] })
    yield* becomes(appsOf(kept), { siteId: kept, version: 4, apps: [mail, shop] })
    yield* becomes(appsOf(late), { siteId: late, version: 5, apps: [blog] })
    for (const siteId of [gone, site("null")]) yield* becomes(appsOf(siteId), undefined)
    yield* becomes(`/apps/${mail}/sites`, { sites: [kept], next: null })
    yield* becomes(`/apps/${blog}/sites`, { sites: [...owned.toSpliced(1, 1), late].toSorted(), next: null })
  })
  yield* answers
  // Whoever is killed between the letter and the commit writes it again, under the same id.
  // A broker that was frozen may for a moment still show the log as it was: asked until both are there.
  const idsOf = (value: string) =>
    Effect.map(records("site-projector.dead-letters"), (dead) => {
      const its = dead.filter((letter) => letter.value !== null && Buffer.from(letter.value).toString() === value)
      return new Set(its.map(({ headers }) => idOf(headers)))
    })
  for (const { value } of noise) assert.strictEqual((yield* until(idsOf(value), ({ size }) => size > 0)).size, 1, value)

  // The table is made anew beside the one that is read. Who asks for it, and is killed, asks again.
  const rebuilding = until(
    Effect.gen(function* () {
      const { rebuild } = yield* get("/projections/site-projector", 0)
      if (rebuild === null || rebuild.state === "failed")
        yield* ask("POST", "/projections/site-projector/rebuild", { at: 0 })
      return rebuild?.state as string | undefined
    }),
    (state) => state === "done"
  )
  yield* trouble
  const done = yield* Effect.forkChild(rebuilding)
  let reads = 0
  while (done.pollUnsafe() === undefined || reads < 20) {
    const { status } = yield* ask("GET", appsOf(kept))
    assert.strictEqual(status, 200, "while the table is made anew")
    reads++
  }
  yield* answers
})
