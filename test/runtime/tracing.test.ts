import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option, Schema, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { TestKit } from "../../src/testing/testKit.ts"

const words = Topic.make("words", { value: Schema.String, partitions: 2 })
const louder = Topic.make("louder", { value: Schema.String, partitions: 2 })
const shouts = Topic.make("shouts", { value: Schema.String, partitions: 2 })
const relay = (name: string, inbox: typeof words, outbox: typeof words) =>
  Actor.make(name, { inbox, emits: [outbox] }).handle({
    message: (_, word, turn) => turn.emit(outbox, turn.key, word)
  })
const topology = Topology.make("test", relay("first", words, louder), relay("second", louder, shouts))
const reporter = Actor.make("reporter", { inbox: words }).handle({
  message: (_, word, turn) => turn.report("ada", { kind: "heard", word })
})

const [utf8, text] = [new TextEncoder(), new TextDecoder()]
const trace = "0af7651916cd43dd8448eb211c80319c"
const parent = "b7ad6b7169203331"

/** Sends a word with a trace context and answers the headers of the first record of a topic that is made of it. */
const carriedTo = Effect.fnUntraced(function* (topic: string, partitions: number) {
  const kit = yield* TestKit
  const kafka = yield* Kafka
  const producer = yield* kafka.producer
  const key = utf8.encode("ada")
  const at = { topic: "words", partition: partitionFor(key, 2), key, timestamp: 0 }
  const headers = [
    ["x-other", utf8.encode("kept out")],
    ["traceparent", utf8.encode(`00-${trace}-${parent}-01`)]
  ] as const
  yield* producer.send([{ ...at, value: words.codec.encodeValue("hello"), headers }])
  yield* kit.quiet
  const reader = yield* kafka.reader()
  yield* reader.seek({ topic, partition: partitionFor(key, partitions) }, 0)
  const [batch] = yield* reader.poll
  return batch!.records[0]!.headers.map(([name, value]) => `${name}: ${text.decode(value)}`)
}, Effect.scoped)
/** That of its echo's echo. */
const carried = carriedTo("shouts", 2)

/** A tracer, and the spans of the handlers that it was asked for. */
const recording = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      if (options.kind === "consumer") spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

describe("a trace", () => {
  it.effect("follows a message through the handlers' spans to what they emit", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function* () {
      const headers = yield* carried
      const [first, second] = spans
      assert.deepStrictEqual([first!.name, second!.name], ["first message", "second message"])
      assert.deepStrictEqual([first!.traceId, second!.traceId], [trace, trace])
      assert.strictEqual(Option.getOrThrow(first!.parent).spanId, parent)
      assert.deepStrictEqual(headers, [`traceparent: 00-${trace}-${second!.spanId}-01`])
      assert.strictEqual(first!.attributes.get("sixfold.key"), "ada")
    }).pipe(Effect.provide(Layer.provideMerge(TestKit.layer(topology), Layer.succeed(Tracer.Tracer, tracer))))
  })

  it.effect("goes into the status records of the turn, too, where a tracer is set and where none is", () => {
    const report = carriedTo("status", 12)
    const { spans, tracer } = recording()
    const kit = TestKit.layer(Topology.make("test", reporter))
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.provide(report, kit), [`traceparent: 00-${trace}-${parent}-01`])
      const traced = Layer.provideMerge(Layer.fresh(kit), Layer.succeed(Tracer.Tracer, tracer))
      assert.deepStrictEqual(yield* Effect.provide(report, traced), [`traceparent: 00-${trace}-${spans[0]!.spanId}-01`])
    })
  })

  it.effect("shows an attempt that failed as an error with its cause, and the one that went well as none", () => {
    const { spans, tracer } = recording()
    const shaky = Actor.make("shaky", { inbox: words }).handle({
      message: (_, word, turn) => (turn.attempt === 1 ? Effect.die(new Error(`no ${word}`)) : Effect.void)
    })
    const kit = TestKit.layer(Topology.make("test", shaky))
    return Effect.gen(function* () {
      const { quiet, send } = yield* TestKit
      yield* send(words, "ada", "hello")
      yield* quiet
      yield* TestClock.adjust("1 second")
      yield* quiet
      const causes = spans.map(({ status }) =>
        status._tag === "Ended" && Exit.isFailure(status.exit)
          ? Cause.prettyErrors(status.exit.cause)[0]!.message
          : "none"
      )
      assert.deepStrictEqual(causes, ["Error: no hello", "none"])
    }).pipe(Effect.provide(Layer.provideMerge(kit, Layer.succeed(Tracer.Tracer, tracer))))
  })

  it.effect("is handed on as it is where no tracer is set", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* carried, [`traceparent: 00-${trace}-${parent}-01`])
    }).pipe(Effect.provide(TestKit.layer(topology)))
  )
})
