import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { EmbeddedBroker, layerMemory } from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { doneRecord, ownTopics } from "../../src/runtime/deadLetter.ts"
import { lettersView } from "../../src/supervision/children.ts"
import { TopicLetters, view } from "../../src/supervision/deadLetters.ts"
import * as Supervisor from "../../src/supervision/supervisor.ts"

const letter = (offset: number, timestamp = 0): KafkaRecord => ({
  offset,
  timestamp,
  key: null,
  value: new Uint8Array(1),
  headers: []
})
const done = (offset: number, of: number): KafkaRecord => ({
  ...doneRecord({ topic: "t", partition: 0, key: null }, of, "discard", 0),
  offset
})

describe("the open letters of a topic", () => {
  it("are ordered by partition and offset, without those done with", () => {
    const letters = new TopicLetters()
    letters.take({ partition: 1, records: [letter(0), letter(5)] })
    letters.take({ partition: 0, records: [letter(3), letter(4), done(6, 3)] })
    expect(letters.behind(undefined, 10)).toEqual([
      { partition: 0, offset: 4 },
      { partition: 1, offset: 0 },
      { partition: 1, offset: 5 }
    ])
    expect(letters.behind({ partition: 1, offset: 0 }, 10)).toEqual([{ partition: 1, offset: 5 }])
    expect(letters.behind(undefined, 1)).toHaveLength(1)
    expect(letters.count).toBe(3)
  })

  it("are counted also beyond what is listed", () => {
    const letters = new TopicLetters(2)
    letters.take({ partition: 0, records: [letter(0), letter(1), letter(2), letter(3), done(4, 0), done(5, 3)] })
    expect(letters.count).toBe(2)
    expect(letters.behind(undefined, 10)).toEqual([{ partition: 0, offset: 1 }])
  })

  it("know the oldest, over all partitions", () => {
    const letters = new TopicLetters()
    expect(letters.oldest).toBeUndefined()
    letters.take({ partition: 1, records: [letter(0, 30), letter(1, 40)] })
    letters.take({ partition: 0, records: [letter(5, 20)] })
    expect(letters.oldest).toBe(20)
    letters.take({ partition: 0, records: [done(6, 5)] })
    expect(letters.oldest).toBe(30)
  })

  it.each([-1, 1e18])("have a time that can be told, whatever their writer said: %d", (timestamp) => {
    const letters = new TopicLetters()
    letters.take({ partition: 0, records: [letter(0, timestamp)] })
    expect(() => new Date(letters.oldest!).toISOString()).not.toThrow()
  })

  it("are no more, once the log has deleted them by time", () => {
    const letters = new TopicLetters(2)
    letters.take({ partition: 0, records: [letter(0, 10), letter(4, 20), letter(5, 30)] })
    letters.forget(1, 9)
    letters.forget(0, 4)
    expect([letters.count, letters.oldest]).toEqual([2, 20])
    expect(letters.behind(undefined, 10)).toEqual([{ partition: 0, offset: 4 }])
    letters.forget(0, 6)
    expect([letters.count, letters.oldest]).toEqual([0, undefined])
  })
})

describe("the view of dead letters", () => {
  it.effect("shows a broker that is away, until it answers again", () =>
    Effect.gen(function* () {
      const { control } = yield* EmbeddedBroker
      const { deadLetters } = ownTopics("mailer", { name: "words", partitions: 1, cleanup: "delete" })
      yield* (yield* Kafka).topics.ensure([deadLetters])
      const supervisor = yield* Supervisor.make({ instance: "one" })
      yield* control.intercept(({ kind }) => Effect.succeed(kind === "fetch" ? "fail" : "pass"))
      yield* supervisor.start([lettersView(view([deadLetters]))])
      const states = () => supervisor.status().map(({ state, trouble }) => [state, trouble?.since])
      yield* TestClock.adjust("9 seconds")
      expect(states()).toEqual([["running", undefined]])
      yield* TestClock.adjust("1 second")
      expect(states()).toEqual([["waiting", "1970-01-01T00:00:00.000Z"]])
      yield* control.heal
      yield* TestClock.adjust("1 second")
      expect(states()).toEqual([["running", undefined]])
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("counts no more what the log has deleted by time", () =>
    Effect.gen(function* () {
      const [kafka, { control }] = [yield* Kafka, yield* EmbeddedBroker]
      const inbox = { name: "words", partitions: 2, cleanup: "delete" } as const
      const { deadLetters } = ownTopics("mailer", inbox)
      yield* kafka.topics.ensure([deadLetters])
      const { open, run } = view([deadLetters])
      yield* Effect.forkScoped(run)
      const { headers, key, value } = letter(0)
      const send = (partition: number, timestamp: number) =>
        Effect.flatMap(kafka.producer, (producer) =>
          producer.send([{ topic: deadLetters.name, partition, key, value, headers, timestamp }])
        )
      const day = 86_400_000
      const pass = Effect.andThen(control.clean, TestClock.adjust("1 day"))
      yield* send(0, 0)
      yield* send(1, 5 * day)
      yield* TestClock.adjust("29 days")
      yield* pass
      expect([open.count(deadLetters.name), open.oldest(deadLetters.name)]).toEqual([2, 0])
      yield* TestClock.adjust("1 day")
      yield* pass
      expect([open.count(deadLetters.name), open.oldest(deadLetters.name)]).toEqual([1, 5 * day])
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )
})
