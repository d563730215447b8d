import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ask, get, named, told, until, World } from "./world.ts"

/** Replicas by actor, as they were asked for. */
export const scale = { checkout: 3, inventory: 2, renewals: 2, "site-projector": 2, delivery: 0 }

/** As flags of `sixfold start`. */
export const scaleFlags = Object.entries(scale).flatMap(([name, count]) => ["--scale", `${name}=${count}`])

interface Replica {
  readonly instance: string
  readonly replica: number
  readonly state: string
  /** Of a process that was killed, perhaps long ago. */
  readonly silentSince?: string
  readonly partitions: ReadonlyArray<{ readonly topic?: string; readonly partition: number }>
}

export const replicasOf = (name: string) =>
  Effect.map(get(`/actors/${name}`), ({ replicas }) =>
    (replicas as ReadonlyArray<Replica>).filter(({ silentSince }) => silentSince === undefined)
  )

/** Whether they are so many, all run, and have all partitions between them, each of them once, and each some. */
export const isShared = (replicas: ReadonlyArray<Replica>, count: number): boolean => {
  const places = replicas.flatMap(({ partitions }) => partitions.map(({ partition, topic }) => `${topic}/${partition}`))
  return (
    replicas.length === count &&
    replicas.every(({ partitions, state }) => state === "running" && partitions.length > 0) &&
    new Set(places).size === places.length &&
    places.length % 12 === 0 &&
    (places.length > 0 || count === 0)
  )
}

/**
 * Some actors have several replicas in the one process, and one has none: its messages wait for whoever will run it. While messages
 * flow, each replica does its share.
 */
export const scaled = Effect.gen(function* () {
  const { size } = yield* World
  const { nodes } = yield* get("/topology")
  for (const [name, count] of Object.entries(scale)) {
    assert.strictEqual(nodes.find((node: any) => node.name === name).replicas, count, name)
    yield* until(replicasOf(name), (replicas) => isShared(replicas, count))
  }
  assert.strictEqual((yield* get("/actors/delivery")).state, "stopped")
  assert.notInclude(
    (yield* get("/health/actors")).map(({ name }: any) => name),
    "delivery"
  )

  const sku = named("sku")
  const orders = Array.from({ length: 30 * size }, () => named("order"))
  yield* told("PUT", `/inventory/${sku}`, { quantity: orders.length })
  yield* until(get(`/inventory/${sku}`), (level) => level !== undefined)
  const place = (orderId: string) =>
    told("POST", "/checkouts", { orderId, userId: "ada", items: [{ sku, quantity: 1, price: 1 }] })
  yield* Effect.forEach(orders, place, { concurrency: 8 })
  const sites = Array.from({ length: 20 }, () => named("site"))
  yield* Effect.forEach(sites, (id) => told("PUT", `/sites/${id}`, { owner: "ada", version: 1, installedApps: [] }))
  for (const id of sites) yield* until(get(`/sites/${id}/installed-apps`), (site) => site !== undefined)

  // All has been reserved, and nothing delivered: the orders wait, and so do their messages, in a topic that is there.
  for (const orderId of orders) yield* until(get(`/orders/${orderId}`), (order) => order?.inventory === "reserved")
  for (const orderId of orders) {
    const order = yield* get(`/orders/${orderId}`)
    assert.deepStrictEqual([order.state, order.delivery, order.invoice], ["pending", "pending", null])
  }
  const { kafka } = yield* World
  const ends = yield* Effect.forEach(
    Array.from({ length: 12 }, (_, partition) => ({ topic: "orders", partition })),
    (at) => Effect.orDie(kafka.topics.endOffset(at))
  )
  assert.isAtLeast(
    ends.reduce((sum, end) => sum + end, 0),
    orders.length
  )
  // One replica fewer or more is no matter: they begin anew while work comes in, and share again.
  const { status } = yield* ask("POST", "/actors/checkout/restart")
  assert.strictEqual(status, 202)
  const more = Array.from({ length: 20 }, () => named("order"))
  yield* Effect.forEach(more, place, { concurrency: 8 })
  for (const orderId of more) yield* until(get(`/orders/${orderId}`), (order) => order !== undefined)
  yield* until(replicasOf("checkout"), (replicas) => isShared(replicas, scale.checkout))
  return orders
})
