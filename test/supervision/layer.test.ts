import { expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Scope, Schema } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { Actor } from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import * as Topology from "../../src/actor/topology.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { KafkaError } from "../../src/kafka/errors.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { Log } from "../../src/runtime/log.ts"
import { Actors } from "../../src/supervision/actors.ts"
import { layer } from "../../src/supervision/layer.ts"
import type { LayerOptions } from "../../src/supervision/layer.ts"

const topic = (name: string, partitions = 2) => Topic.make(name, { value: Schema.String, partitions })
const [words, shouts] = [topic("words"), topic("shouts")]

/** What was said, in the order it arrived. */
class Heard extends Context.Service<Heard, { readonly words: Array<string>; readonly log: Array<string> }>()("Heard") {}

const shouter = Actor.make("shouter", { inbox: words, emits: [shouts] }).handle({
  message: Effect.fnUntraced(function* (_, word, turn) {
    yield* turn.emit(shouts, turn.key, word.toUpperCase())
  })
})
const hearer = Actor.make("hearer", { inbox: shouts }).handle({
  message: (_, word) => Heard.use((heard) => Effect.sync(() => void heard.words.push(word)))
})
const line = Topology.make("line", shouter, hearer)

/** A process of its own on the broker there is. */
const running = Effect.fnUntraced(function* (
  topology: Topology.Topology<Kafka | Heard>,
  options: LayerOptions<never, Heard> = {}
) {
  const scope = yield* Scope.make()
  const heard = { words: [] as Array<string>, log: [] as Array<string> }
  const context = yield* Layer.buildWithScope(layer(topology, options), scope).pipe(Effect.provideService(Heard, heard))
  return { actors: Context.get(context, Actors), heard, stop: Scope.close(scope, Exit.void) }
})

/** Until nothing moves any more without the clock. */
const quiet = (actors: Actors["Service"]) =>
  Effect.gen(function* () {
    while (yield* actors.busy) yield* TestClock.adjust(1)
  })

/** Lets time pass, second by second, until it is so; fails after two minutes. */
const eventually = (isSo: () => boolean) =>
  Effect.gen(function* () {
    for (let second = 0; second < 120 && !isSo(); second++) yield* TestClock.adjust("1 second")
    expect(isSo()).toBe(true)
  })

const say = (word: string) => Log.use((log) => log.append(words, word, word))
const embedded = Effect.provide([Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory)), Logger.layer([])])

describe("a topology's layer", () => {
  it.effect("carries a message from actor to actor", () =>
    Effect.gen(function* () {
      const { actors, heard } = yield* running(line)
      yield* say("hello")
      yield* quiet(actors)
      expect(heard.words).toEqual(["HELLO"])
    }).pipe(embedded)
  )

  it.effect("makes every declared topic, also those of actors that do not run here", () =>
    Effect.gen(function* () {
      yield* running(line, { actors: ["hearer"] })
      const { topics } = yield* Kafka
      const names = [
        "words",
        "shouts",
        "shouter.state",
        "shouter.dead-letters",
        "hearer.state",
        "status",
        "status-latest"
      ]
      expect((yield* topics.describe(names)).map(({ name }) => name).toSorted()).toEqual(names.toSorted())
    }).pipe(embedded)
  )

  it.effect("refuses an inbox whose partitions have been changed, and starts nothing", () =>
    Effect.gen(function* () {
      const { topics } = yield* Kafka
      yield* topics.ensure([{ ...words.spec, partitions: 5 }])
      const error = yield* Effect.flip(running(line))
      expect(error).toMatchObject({ _tag: "KafkaError", reason: "TopicMismatch" })
      expect(error.message).toContain("words")
    }).pipe(embedded)
  )

  it.effect("waits at the start for a broker that is away", () =>
    Effect.gen(function* () {
      const broker = yield* Embedded.EmbeddedBroker
      const away = new KafkaError({ reason: "Unavailable", message: "no broker answers" })
      yield* broker.control.intercept(({ kind }) => Effect.succeed(kind === "topics" ? { error: away } : "pass"))
      const starting = yield* Effect.forkChild(running(line))
      yield* TestClock.adjust("5 minutes")
      expect(starting.pollUnsafe()).toBeUndefined()
      yield* broker.control.heal
      yield* TestClock.adjust("10 seconds")
      const { actors, heard } = yield* Fiber.join(starting)
      yield* say("at last")
      yield* quiet(actors)
      expect(heard.words).toEqual(["AT LAST"])
    }).pipe(embedded)
  )

  it.effect("shares an actor's partitions among its replicas", () =>
    Effect.gen(function* () {
      const { actors } = yield* running(line, { scale: { shouter: 2, hearer: 0 } })
      const node = (name: string) => actors.status().find((actor) => actor.name === name)!
      const shares = () =>
        node("shouter").replicas.map(({ partitions }) => partitions.map(({ partition }) => partition))
      yield* eventually(() => shares().every(({ length }) => length === 1))
      expect(
        shares()
          .flat()
          .toSorted((a, b) => a - b)
      ).toEqual([0, 1])
      expect(node("hearer")).toMatchObject({ state: "stopped", replicas: [] })
    }).pipe(embedded)
  )

  it.effect("loses nothing over a crash and repeats nothing in the log", () =>
    Effect.gen(function* () {
      const { actors, heard } = yield* running(line)
      yield* say("one")
      yield* quiet(actors)
      expect(yield* actors.crash("shouter")).toBe(1)
      yield* say("two")
      yield* TestClock.adjust("1 minute")
      yield* quiet(actors)
      expect(heard.words).toEqual(["ONE", "TWO"])
    }).pipe(embedded)
  )

  it.effect("settles on the way out what it has begun, so that the next process goes on behind it", () =>
    Effect.gen(function* () {
      const first = yield* running(line)
      yield* say("one")
      yield* quiet(first.actors)
      yield* first.stop
      expect(first.actors.status().map(({ state }) => state)).toEqual(["running", "stopped", "stopped", "stopped"])
      yield* say("two")
      const second = yield* running(line)
      yield* quiet(second.actors)
      expect(second.heard.words).toEqual(["TWO"])
    }).pipe(embedded)
  )

  it.effect("opens the gateway when all else is started and closes it before anything stops", () =>
    Effect.gen(function* () {
      const states = Effect.map(Actors, ({ status }) =>
        status()
          .map(({ state }) => state)
          .slice(1)
          .join()
      )
      const note = (what: string) =>
        Effect.flatMap(Effect.all([Heard, states]), ([heard, states]) =>
          Effect.sync(() => void heard.log.push(`${what} ${states}`))
        )
      const { actors, heard, stop } = yield* running(line, {
        gateway: () => Layer.effectDiscard(Effect.acquireRelease(note("opens"), () => note("closes")))
      })
      yield* quiet(actors)
      yield* stop
      expect(heard.log).toEqual(["opens starting,starting,starting", "closes running,running,running"])
    }).pipe(embedded)
  )

  it.effect("opens no gateway where it is not among the actors", () =>
    Effect.gen(function* () {
      const { heard } = yield* running(line, {
        actors: ["shouter"],
        gateway: () => Layer.effectDiscard(Heard.use(({ log }) => Effect.sync(() => void log.push("opens"))))
      })
      expect(heard.log).toEqual([])
    }).pipe(embedded)
  )

  it.effect("builds a resource once for all nodes, and closes it last", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const heard = { words: [] as Array<string>, log }
      const resource = Layer.effect(
        Heard,
        Effect.acquireRelease(
          Effect.sync(() => {
            log.push("built")
            return heard
          }),
          () => Effect.sync(() => void log.push("closed"))
        )
      )
      const own = Topology.provide(resource)(Topology.make("own", shouter, hearer))
      const { actors, stop } = yield* running(own, { scale: { hearer: 2 } })
      yield* say("hi")
      yield* quiet(actors)
      expect(heard.words).toEqual(["HI"])
      yield* stop
      expect(log).toEqual(["built", "closed"])
    }).pipe(embedded)
  )

  it.effect("pauses and resumes a key from a process that does not run its actor", () =>
    Effect.gen(function* () {
      const { actors, heard } = yield* running(line)
      const other = (yield* running(line, { actors: ["gateway"], instance: "other" })).actors
      expect(yield* other.command("shouter", "hello", { op: "pause" })).toBe(true)
      yield* say("hello")
      yield* say("world")
      yield* eventually(() => heard.words.includes("WORLD"))
      expect(heard.words).toEqual(["WORLD"])
      expect(yield* other.command("shouter", "hello", { op: "resume" })).toBe(true)
      yield* eventually(() => heard.words.includes("HELLO"))
      expect(yield* other.command("gateway", "hello", { op: "pause" })).toBe(false)
      yield* quiet(actors)
    }).pipe(embedded)
  )

  it.effect("refuses to command a key that no message of the actor can have", () =>
    Effect.gen(function* () {
      const numbered = Topic.make("numbered", { key: Schema.FiniteFromString, value: Schema.String })
      const counted = Actor.make("counted", { inbox: numbered }).handle({ message: () => Effect.void })
      const { actors } = yield* running(Topology.make("numbers", counted))
      expect(yield* actors.command("counted", "17", { op: "pause" })).toBe(true)
      const error = yield* Effect.flip(actors.command("counted", "seven\u{1b}", { op: "pause" }))
      expect(error._tag).toBe("KeyRefused")
      expect(error.message).toMatch(/^key: \P{Cc}+$/u)
      yield* eventually(() =>
        actors.status().some(({ replicas }) => replicas.some(({ partitions }) => partitions.some(({ stuck }) => stuck)))
      )
      yield* quiet(actors)
    }).pipe(embedded)
  )

  it.effect("counts an actor's dead letters", () =>
    Effect.gen(function* () {
      const bad = Actor.make("bad", { inbox: words }).handle({ message: () => Effect.die(new Error("no")) })
      const { actors } = yield* running(Topology.make("bad", bad))
      yield* say("x")
      const status = () => actors.status().find(({ name }) => name === "bad")!
      yield* eventually(() => status().deadLetters > 0)
      expect(status()).toMatchObject({ deadLetters: 1, state: "running" })
    }).pipe(embedded)
  )
})
