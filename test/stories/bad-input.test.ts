import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Result } from "effect"
import { actorOf, isRoutes } from "../../src/actor/topology.ts"
import type { AnyTopic } from "../../src/index.ts"
import topology from "../../topology/topology.ts"
import { embedded } from "./embedded.ts"
import { attacks, hostileRecords } from "./hostile.ts"
import type { Attack, Interface } from "./hostile.ts"
import { get, records, until, World, write } from "./world.ts"

interface Seen {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** The head of an answer, and its body where it is a refusal: an event stream has no end. */
const attack = ({ body, headers = {}, method, path }: Attack) =>
  Effect.flatMap(World, ({ urls }) =>
    Effect.promise(async (): Promise<Seen> => {
      const stop = new AbortController()
      const sent = body === undefined ? {} : { body: body as string }
      const response = await fetch(`${urls[0]!}${path}`, {
        method,
        headers,
        ...sent,
        signal: stop.signal,
        redirect: "manual"
      })
      const text = response.status >= 400 ? await response.text() : ""
      stop.abort()
      return { status: response.status, type: response.headers.get("content-type") ?? "", text }
    })
  )

const shown = ({ body, headers, method, path }: Attack): string =>
  `${method} ${path.slice(0, 200)} ${JSON.stringify(headers ?? {}).slice(0, 200)} ${String(body ?? "").slice(0, 200)}`

/** What an answer breaks of what the interface says of every refusal. */
const broken = ({ status, text, type }: Seen): string | undefined => {
  if (status < 400) return undefined
  if (status >= 500) return `${status} ${text.slice(0, 300)}`
  if (!type.startsWith("application/json")) return `${status} as ${type}`
  const { error, message } = JSON.parse(text) as { readonly error?: unknown; readonly message?: unknown }
  return typeof error === "string" && typeof message === "string" && message !== "" ? undefined : `${status} ${text}`
}

const inboxes: ReadonlyArray<readonly [name: string, topics: ReadonlyArray<AnyTopic>]> = topology.nodes.flatMap(
  (node) => {
    if (isRoutes(node)) return []
    const actor = actorOf(node)
    const topics =
      actor === undefined ? (node as { readonly inboxes: ReadonlyArray<AnyTopic> }).inboxes : [actor.definition.inbox]
    return [[node.kind === "kv" ? node.key : node.name, topics] as const]
  }
)
const isProjection = (name: string) =>
  topology.nodes.some((node) => !isRoutes(node) && node.kind === "projection" && node.name === name)

/** Keys that some database cannot hold as text, or not as a part of an index. */
const unholdable = ["a\0b", "k".repeat(3_000), "\n"]

/** Where every topic that the system reads ends, and its configuration; a command may be refused by who reads it. */
const ends = Effect.gen(function* () {
  const { kafka } = yield* World
  const read = new Set(inboxes.flatMap(([, topics]) => topics.map(({ name }) => name)))
  const names = [...read, "site-config"].filter((name) => !name.endsWith(".commands"))
  const places = names.flatMap((topic) => Array.from({ length: 12 }, (_, partition) => ({ topic, partition })))
  return yield* Effect.orDie(Effect.forEach(places, (at) => kafka.topics.endOffset(at)))
})

/** Nothing waits, nothing is held, nothing has failed or begun anew. */
const quiet = until(get("/actors"), (actors) =>
  actors.every(({ name, replicas, state }: any) => {
    const partitions = replicas.flatMap((replica: any) => replica.partitions)
    return (
      (name === "gateway" || replicas.length > 0) &&
      state === "running" &&
      replicas.every(({ restarts }: any) => restarts === 0) &&
      partitions.every(({ held, inFlight, lag, parked }: any) => lag + inFlight + parked === 0 && held === null)
    )
  })
)

describe("a key that no table can hold", () => {
  for (const [name, topics] of inboxes.filter(([name]) => isProjection(name))) {
    for (const { codec, name: topic } of topics) {
      it(`in ${topic} is no key to ${name}: a flood of such records is no trouble of the database's`, () => {
        for (const key of unholdable) {
          assert.isTrue(Result.isFailure(codec.decodeKey(Buffer.from(key))), key.slice(0, 50))
        }
      })
    }
  }
})

layer(embedded(), { excludeTestServices: true })("whatever anybody sends", (it) => {
  it.effect(
    "over HTTP is answered as the interface says, for every route it describes; what is refused changes nothing",
    () =>
      Effect.gen(function* () {
        const described = (yield* get("/openapi.json")) as Interface
        const all = attacks(described, ["1", "renewals", "site-projector", "site-config"])
        const reached = new Set(all.map(({ method, path }) => `${method} ${path.split(/[/?]/)[1]}`))
        assert.isAbove(reached.size, 20)
        const refused: Array<Attack> = []
        const wrong: Array<string> = []
        for (const each of all) {
          const seen = yield* attack(each)
          if (seen.status >= 400) refused.push(each)
          const why = broken(seen)
          if (why !== undefined) wrong.push(`${shown(each)}: ${why}`)
        }
        assert.deepStrictEqual(wrong.slice(0, 20), [], `${wrong.length} of ${all.length}`)
        assert.isAbove(refused.length, all.length / 4)
        yield* quiet
        const before = yield* ends
        for (const each of refused) yield* attack(each)
        assert.deepStrictEqual(yield* ends, before)
      })
  )

  for (const [name, topics] of inboxes) {
    for (const topic of topics) {
      it.effect(
        `to ${topic.name} becomes a dead letter of ${name} with its bytes untouched, once, and its partition goes on`,
        () =>
          Effect.gen(function* () {
            const dead = `${name}.dead-letters`
            const own = hostileRecords(topic.spec.cleanup === "compact").map((each) => ({ topic: topic.name, ...each }))
            const undecodable = own.filter(({ key, value }) => {
              const { codec } = topic
              if (key === null || Result.isFailure(codec.decodeKey(key))) return true
              return Result.isFailure(codec.decodeValue(value, [])) && !(value === null && isProjection(name))
            })
            const before = new Set((yield* records(dead)).map(({ offset, partition }) => `${partition}/${offset}`))
            const fresh = Effect.map(records(dead), (all) =>
              all.filter(({ offset, partition }) => !before.has(`${partition}/${offset}`))
            )
            yield* write(...own)
            yield* until(fresh, ({ length }) => length >= undecodable.length)
            yield* quiet
            const bytes = (of: Uint8Array | null) => (of === null ? "null" : Buffer.from(of).toString("base64"))
            const found = Map.groupBy(yield* fresh, ({ key, value }) => `${bytes(key)} ${bytes(value)}`)
            assert.isAbove(undecodable.length, own.length / 4)
            for (const { key, value } of undecodable) {
              const [letter, ...more] = found.get(`${bytes(key)} ${bytes(value)}`) ?? []
              const which = `${bytes(key).slice(0, 40)} ${bytes(value).slice(0, 40)}`
              assert.isDefined(letter, which)
              assert.strictEqual(more.length, 0, which)
              const headers = Object.fromEntries(
                letter.headers.map(([header, of]) => [header, Buffer.from(of).toString()])
              )
              assert.strictEqual(headers["sixfold-source-topic"], topic.name)
              assert.isNotEmpty(headers["sixfold-error"])
            }
          })
      )
    }
  }
})
