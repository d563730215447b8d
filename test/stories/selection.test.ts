import { assert, layer, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { charges } from "../../actors/renewals/topics.ts"
import { FakeKafka } from "../../src/testing/index.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import * as Supervision from "../../src/supervision/layer.ts"
import topology from "../../topology/topology.ts"
import { embedded } from "./embedded.ts"
import { ask, get, named, told, World } from "./world.ts"

layer(embedded({ actors: ["gateway"] }), { excludeTestServices: true })("a process with the gateway alone", (it) => {
  it.effect(
    "starts no actor, has every topic, takes commands for those who will come, and says what does not run",
    () =>
      Effect.gen(function* () {
        const { kafka } = yield* World
        const { nodes } = yield* get("/topology")
        const here = ["gateway", "dead-letters-view"] // every process follows the dead letters
        const others = nodes.filter(({ name }: any) => !here.includes(name))
        assert.isAbove(others.length, 10)
        for (const { name, replicas } of others) {
          assert.strictEqual(replicas, 0, name)
          const actor = yield* get(`/actors/${name}`)
          assert.deepStrictEqual([actor.state, actor.replicas], ["stopped", []], name)
          const { status } = yield* ask("POST", `/actors/${name}/restart`)
          assert.strictEqual(status, 409, name)
        }
        assert.deepStrictEqual(
          (yield* get("/health/actors")).map(({ name }: any) => name),
          here
        )
        const topics: ReadonlyArray<string> = [
          ...new Set<string>(nodes.flatMap(({ emits, inbox }: any) => [...inbox, ...emits]))
        ]
        for (const topic of topics) {
          const [found] = yield* Effect.orDie(kafka.topics.describe([topic]))
          assert.strictEqual(found?.partitions, 12, topic)
        }
        const id = named("site")
        yield* told("PUT", `/sites/${id}`, { owner: "ada", version: 1, installedApps: [] })
        yield* told("PUT", `/subscriptions/${id}`, {
          plan: "p",
          amount: 1,
          currency: "EUR",
          renew: { every: "1 second" }
        })
        assert.strictEqual((yield* ask("GET", "/health/ready")).status, 200)
        // The table is made by its projection, which has never run anywhere: to be asked again later.
        const { urls } = yield* World
        const answer = yield* Effect.promise(() => fetch(`${urls[0]!}/subscriptions/${id}`))
        assert.strictEqual(answer.status, 503)
        assert.isNotNull(answer.headers.get("retry-after"))
      })
  )
})

it.effect(
  "a topic of an actor that would not even run here is checked all the same: other partitions are refused",
  () =>
    Effect.gen(function* () {
      const { topics } = yield* Kafka
      yield* topics.ensure([{ ...charges.spec, partitions: 5 }])
      const gatewayOnly = Supervision.layer(topology, { actors: ["gateway"] }) as Layer.Layer<never, unknown, Kafka>
      const error = yield* Effect.flip(Layer.build(gatewayOnly))
      assert.deepInclude(error, { _tag: "KafkaError", reason: "TopicMismatch" })
      assert.match((error as Error).message, /charges/)
    }).pipe(Effect.provide(FakeKafka.layerMemory))
)
