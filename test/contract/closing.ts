import { Effect, Exit, Fiber, Scope } from "effect"
import { expect } from "vitest"
import { unique } from "../broker/clients.ts"
import { join, owning } from "./membership.ts"
import type { Observed } from "./membership.ts"
import { at, newProcess, newTopic, record, stillWaits, timeout } from "./world.ts"
import type { Suite } from "./world.ts"

/** What a call that waits answers once the scope of its client is closed. */
const closed = { reason: "Closed" }

export const closing = (it: Suite): void => {
  it.effect("ends a poll that waits, and those after it", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
      const reader = yield* kafka.reader().pipe(Scope.provide(scope))
      yield* reader.seek(where, 0)
      const poll = yield* Effect.forkChild(Effect.flip(reader.poll))
      expect(yield* stillWaits(poll)).toBe(true)
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(poll)).toMatchObject(closed)
      yield* (yield* kafka.producer).send([record(where, "v")])
      expect(yield* Effect.flip(reader.poll)).toMatchObject(closed)
    })
  )

  it.effect("ends who waits for a member to fail", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group: Observed = { group: unique("group"), topic: yield* newTopic(kafka), events: [] }
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 1])
      const failed = yield* Effect.forkChild(Effect.flip(a.member.failed))
      expect(yield* stillWaits(failed)).toBe(true)
      yield* a.leave
      expect(yield* Fiber.join(failed)).toMatchObject(closed)
    })
  )

  it.effect("lets go what a producer has under way: each send is answered", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
      const producer = yield* kafka.producer.pipe(Scope.provide(scope))
      const sends = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => record(where, String(i))),
        (each) => Effect.forkChild(Effect.exit(producer.send([each])))
      )
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      const exits = yield* Effect.forEach(sends, Fiber.join)
      // What was acknowledged is there, whatever became of the others.
      const acknowledged = exits.filter(Exit.isSuccess).length
      expect(yield* kafka.topics.endOffset(where)).toBeGreaterThanOrEqual(acknowledged)
    })
  )

  it.effect("lets a producer send until the end: also in what its own scope does last", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const [first, second] = [at(yield* newTopic(kafka)), at(yield* newTopic(kafka))]
      const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
      yield* Effect.gen(function* () {
        const producer = yield* kafka.producer
        yield* producer.send([record(first, "begins")])
        const last = producer.send([record(first, "ends"), record(second, "ends")])
        yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(last, "20 seconds")))
      }).pipe(Scope.provide(scope))
      yield* Scope.close(scope, Exit.void)
      expect(yield* kafka.topics.endOffset(first)).toBe(2)
      expect(yield* kafka.topics.endOffset(second)).toBe(1)
    })
  )

  it.effect("does not touch the other clients of the process", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
      yield* Effect.all([
        kafka.reader(),
        kafka.producer,
        kafka.transactor({ transactionalId: unique("contract"), timeout })
      ]).pipe(Scope.provide(scope))
      const [reader, producer] = yield* Effect.all([kafka.reader(), kafka.producer])
      yield* Scope.close(scope, Exit.void)
      yield* producer.send([record(where, "v")])
      yield* reader.seek(where, 0)
      expect(yield* reader.poll).toHaveLength(1)
    })
  )
}
