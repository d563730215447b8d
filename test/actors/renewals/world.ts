import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Payments } from "../../../actors/renewals/payments.ts"
import { renewals, RetryLimit } from "../../../actors/renewals/renewals.ts"
import { charges } from "../../../actors/renewals/topics.ts"
import { Topology } from "../../../src/index.ts"
import * as Embedded from "../../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../../src/kafka/kafka.ts"
import type { KafkaRecord } from "../../../src/kafka/records.ts"
import { Log } from "../../../src/runtime/log.ts"
import { Actors } from "../../../src/supervision/actors.ts"
import * as Supervision from "../../../src/supervision/layer.ts"

/** A broker in memory that outlives the processes on it. */
export const broker = Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory))

const topology = Topology.make("shop", renewals)

/** Rounds of the scheduler without progress after which only the clock can move anything. */
const patience = 500

/** Until nothing can happen without the clock; a handler that hangs counts as waiting for it. */
export const quiet = ({ busy, progress }: Actors["Service"]) =>
  Effect.gen(function* () {
    for (let [still, calm, last] = [0, 0, -1]; still < patience && calm < 3; still++) {
      calm = (yield* busy) ? 0 : calm + 1
      const now = progress()
      if (now !== last) still = 0
      last = now
      yield* Effect.yieldNow
    }
  })

/** A process that runs `renewals` until `stop`. */
export const start = Effect.fnUntraced(function* (payments: Layer.Layer<Payments>, retryLimit: number) {
  const scope = yield* Scope.make()
  const limited = Topology.provide(Layer.succeed(RetryLimit, Effect.succeed(retryLimit)))(topology)
  const running = Layer.provide(Supervision.layer(limited), payments)
  const actors = Context.get(yield* Layer.buildWithScope(running, scope), Actors)
  yield* quiet(actors)
  return {
    /** Lets time pass, and everything happen that then can. */
    pass: (time: Parameters<typeof TestClock.adjust>[0]) => Effect.andThen(TestClock.adjust(time), quiet(actors)),
    crash: Effect.andThen(
      actors.crash(renewals.name),
      Effect.suspend(() => quiet(actors))
    ),
    quiet: quiet(actors),
    stop: Scope.close(scope, Exit.void)
  }
})

/** Every committed record of `charges`. */
export const readCharges = Effect.fnUntraced(function* (each: (record: KafkaRecord) => void) {
  const kafka = yield* Kafka
  for (let partition = 0; partition < charges.spec.partitions; partition++) {
    const at = { topic: charges.name, partition }
    const end = yield* kafka.topics.endOffset(at)
    let next = yield* kafka.topics.beginOffset(at)
    if (next >= end) continue
    const reader = yield* kafka.reader()
    yield* reader.seek(at, next)
    while (next < end) {
      for (const batch of yield* reader.poll) {
        for (const record of batch.records) each(record)
        next = batch.nextOffset
      }
    }
  }
}, Effect.scoped)
