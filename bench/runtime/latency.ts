/** How long a message takes from its send until what was made of it can be read, at low load. */
import { Effect, Schema } from "effect"
import { Actor } from "../../src/actor/actor.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { alone, fill, loop, partitions, recordOf, start, summing, tenths } from "./workload.ts"
import type { Place } from "./workload.ts"

interface Load {
  readonly burst: number
  /** Milliseconds between bursts. */
  readonly gap: number
  readonly bursts: number
  readonly keyOf: (n: number) => string
}

/** Milliseconds by message; what never comes back is left out. */
const latencies = Effect.fnUntraced(function* (place: Place, { burst, bursts, gap, keyOf }: Load) {
  const kafka = yield* Kafka
  const producer = yield* kafka.producer
  const reader = yield* kafka.reader()
  for (let partition = 0; partition < partitions; partition++) {
    yield* reader.seek({ topic: place.outbox.name, partition }, 0)
  }
  const sent: Array<number> = []
  const took: Array<number> = []
  const read = Effect.gen(function* () {
    for (const { records } of yield* reader.poll) {
      const now = performance.now()
      for (const { value } of records) {
        const { n } = JSON.parse(new TextDecoder().decode(value!)) as { n: number }
        took[n] = now - sent[n]!
      }
    }
  })
  yield* Effect.forkScoped(Effect.forever(read))
  for (let i = 0; i < bursts; i++) {
    const numbers = Array.from({ length: burst }, (_, j) => i * burst + j)
    const now = performance.now()
    for (const n of numbers) sent[n] = now
    yield* producer.send(numbers.map((n) => recordOf(place, keyOf(n), n)))
    yield* Effect.sleep(gap)
  }
  yield* Effect.sleep(300)
  return took
})

/** The first tenth is not counted: code is compiled meanwhile. */
const percentile = (took: ReadonlyArray<number>, share: number): number => {
  const sorted = took
    .slice(took.length / 10)
    .filter((millis) => millis !== undefined)
    .toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)]!
}

const low: Load = { burst: 1, gap: 5, bursts: 500, keyOf: (n) => `key-${n % 100}` }

const bareLatency = () =>
  alone(
    Effect.fnUntraced(function* (place) {
      yield* fill(place, 0, String)
      const { copy, reader } = yield* loop(place)
      yield* Effect.forkScoped(Effect.forever(Effect.flatMap(reader.poll, copy)))
      return yield* latencies(place, low)
    })
  )

const actorLatency = () =>
  alone(
    Effect.fnUntraced(function* (place) {
      yield* fill(place, 0, String)
      const left = yield* start(place, summing(place))
      while (left() !== 0) yield* Effect.sleep(5)
      return yield* latencies(place, low)
    })
  )

/** The key "minute" takes a minute with its message; the others nothing. */
const sleepy = ({ inbox, outbox }: Place) =>
  Actor.make("sleepy", { inbox, emits: [outbox], state: Schema.Int, initial: 0 }).handle({
    message: (state, { n }, turn) =>
      turn.key === "minute"
        ? Effect.as(Effect.sleep("1 minute"), state)
        : Effect.as(turn.emit(outbox, turn.key, { n }), state + 1)
  })

/** 1,000 messages a second for five seconds, and after the first of them a handler of a minute. */
const pauses = () =>
  alone(
    Effect.fnUntraced(function* (place) {
      yield* fill(place, 0, String)
      const left = yield* start(place, sleepy(place))
      while (left() !== 0) yield* Effect.sleep(5)
      const keyOf = (n: number) => (n === 1_000 ? "minute" : `key-${n % 1_000}`)
      const took = yield* latencies(place, { burst: 10, gap: 10, bursts: 500, keyOf })
      // How far apart the first and the last late ones were sent: one pause, or several?
      const late = took.flatMap((millis, n) => (millis > 200 ? [n] : []))
      return {
        longest: Math.max(...took.filter((millis) => millis !== undefined)),
        span: (late.at(-1) ?? 0) - (late[0] ?? 0)
      }
    })
  )

export const latency = async () => {
  const [bare, actor] = [await bareLatency(), await actorLatency()]
  const pause = await pauses()
  const of = (took: ReadonlyArray<number>, share: number) => tenths(percentile(took, share))
  return {
    "latency, bare loop p50 ms": of(bare, 0.5),
    "latency, bare loop p99 ms": of(bare, 0.99),
    "added by the actor p50 ms": tenths(percentile(actor, 0.5) - percentile(bare, 0.5)),
    "added by the actor p99 ms": tenths(percentile(actor, 0.99) - percentile(bare, 0.99)),
    "longest beside a handler of a minute, ms": Math.round(pause.longest),
    "late ones were sent within, ms": pause.span
  }
}
