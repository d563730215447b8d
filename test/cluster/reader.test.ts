import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { Api } from "../../src/kafka/cluster/api.ts"
import { RecordBatch, sign, sizeBound } from "../../src/kafka/cluster/batch-encoder.ts"
import { at, writeLong } from "../../src/kafka/cluster/batch-format.ts"
import * as Buffers from "../../src/kafka/cluster/buffers.ts"
import type { Connections } from "../../src/kafka/cluster/connections.ts"
import type { FetchRequest } from "../../src/kafka/cluster/fetch-api.ts"
import * as Reader from "../../src/kafka/cluster/reader.ts"
import { settings } from "../../src/kafka/cluster/settings.ts"
import { seeded, seeds } from "./seeded.ts"
import type { Seeded } from "./seeded.ts"
import { codeOf, metadata } from "./wire.ts"

describe("a partition whose offset its broker calls out of range", () => {
  it.effect("holds up none of the others while it is asked what is left", () =>
    Effect.gen(function* () {
      const asked: Array<ReadonlyArray<number>> = []
      const connections: Connections = {
        request: <Input, Output>(_: unknown, { name }: Api<Input, Output>, input: Input) =>
          Effect.gen(function* () {
            if (name !== "Fetch") return yield* Effect.never
            const partitions = [...(input as FetchRequest).topics.get("t")!].map(({ partition }) => partition)
            asked.push(partitions)
            yield* Effect.sleep(250)
            return {
              errorCode: 0,
              partitions: partitions.map((partition) => ({
                topic: "t",
                partition,
                errorCode: partition === 0 ? codeOf("OFFSET_OUT_OF_RANGE") : 0,
                highWatermark: 0,
                lastStableOffset: 0,
                aborted: [],
                records: Buffer.alloc(0)
              }))
            } as Output
          })
      }
      const reader = yield* Reader.make(settings({ brokers: ["broker:9092"] }), metadata, connections)
      for (const partition of [0, 1]) yield* reader.seek({ topic: "t", partition }, 0)
      yield* Effect.forkScoped(reader.poll)
      yield* Effect.repeat(TestClock.adjust(250), { times: 8 })
      expect(asked.filter((partitions) => partitions.includes(0))).toHaveLength(1)
      expect(asked.filter((partitions) => partitions.includes(1)).length).toBeGreaterThan(5)
    }).pipe(Effect.scoped)
  )
})

describe("a partition whose end is held back by an open transaction", () => {
  it.effect("says since when its last stable offset has stood, once all before it is handed on", () =>
    Effect.gen(function* () {
      const answers = [
        { lastStableOffset: 0, highWatermark: 3 },
        { lastStableOffset: 0, highWatermark: 9 },
        { lastStableOffset: 9, highWatermark: 9 }
      ]
      const connections: Connections = {
        request: <Input, Output>(_: unknown, { name }: Api<Input, Output>) =>
          Effect.gen(function* () {
            const answer = answers.shift()
            if (name !== "Fetch" || answer === undefined) return yield* Effect.never
            yield* Effect.sleep("1 second")
            const common = { topic: "t", partition: 0, errorCode: 0, aborted: [], records: Buffer.alloc(0) }
            return { errorCode: 0, partitions: [{ ...common, ...answer }] } as Output
          })
      }
      const reader = yield* Reader.make(settings({ brokers: ["broker:9092"] }), metadata, connections)
      const at = { topic: "t", partition: 0 }
      yield* reader.seek(at, 0)
      yield* Effect.forkScoped(reader.poll)
      const seen: Array<unknown> = []
      for (let n = 0; n < 3; n++) {
        yield* TestClock.adjust("1 second")
        seen.push(reader.undecided(at))
      }
      expect(seen).toEqual([{ offset: 0, end: 3, since: 1_000 }, { offset: 0, end: 9, since: 1_000 }, undefined])
    }).pipe(Effect.scoped)
  )
})

/** Batches of many records that compress well, and where each begins. */
const logOf = (random: Seeded) => {
  let end = 0
  const batches = Array.from({ length: 1 + random.int(6) }, () => {
    const base = end
    const records = new RecordBatch(Buffers.make(0), 0, false)
    for (const size of Array.from({ length: 1 + random.int(40) }, () => random.int(random.chance(0.1) ? 4_000 : 90))) {
      const value = Buffer.alloc(size, "x")
      const record = { topic: "t", partition: 0, key: null, value, headers: [], timestamp: 1 }
      records.append(record, sizeBound(record))
      end++
    }
    const bytes = records.seal((["none", "gzip", "zstd"] as const)[random.int(3)]!)
    sign(bytes, { producerId: -1n, producerEpoch: -1, baseSequence: -1 })
    writeLong(bytes, at.baseOffset, base)
    return { base, bytes }
  })
  return { batches, end }
}

/** A broker with a log a partition: from the batch with the offset that is asked for, a few of them. */
const served = (logs: ReadonlyArray<ReturnType<typeof logOf>>, random: Seeded): Connections => ({
  request: <Input, Output>(_: unknown, { name }: Api<Input, Output>, input: Input) =>
    Effect.gen(function* () {
      if (name !== "Fetch") return yield* Effect.never
      const partitions = [...(input as FetchRequest).topics.get("t")!].map(({ offset, partition }) => {
        const { batches, end } = logs[partition]!
        const rest = batches.filter((_, n) => (batches[n + 1]?.base ?? end) > offset)
        const records = Buffer.concat(rest.slice(0, 1 + random.int(3)).map(({ bytes }) => bytes))
        return {
          topic: "t",
          partition,
          errorCode: 0,
          highWatermark: end,
          lastStableOffset: end,
          aborted: [],
          records
        }
      })
      if (partitions.every(({ records }) => records.length === 0)) return yield* Effect.never
      return { errorCode: 0, partitions } as Output
    })
})

describe("a poll", () => {
  it.effect.each(seeds(150))(
    "brings no more than maxBytes of records as they are unpacked, or one, and loses none (seed %d)",
    (seed) =>
      Effect.gen(function* () {
        const random = seeded(seed)
        const logs = [logOf(random), logOf(random), logOf(random)]
        const maxBytes = 1 + random.int(2_000)
        const reader = yield* Reader.make(settings({ brokers: ["broker:9092"] }), metadata, served(logs, random), {
          maxBytes
        })
        const next = logs.map(({ end }) => random.int(end))
        for (const [partition, offset] of next.entries()) yield* reader.seek({ topic: "t", partition }, offset)
        const silent = logs.map(() => 0)
        while (next.some((offset, partition) => offset < logs[partition]!.end)) {
          const batches = yield* reader.poll
          const records = batches.flatMap((batch) => batch.records)
          expect(records.length).toBeGreaterThan(0)
          const bytes = records.reduce((sum, { value }) => sum + value!.length, 0)
          expect(records.length === 1 || bytes <= maxBytes, `${bytes} of ${maxBytes}`).toBe(true)
          for (const { fromOffset, nextOffset, partition, records } of batches) {
            expect(fromOffset).toBe(next[partition])
            expect(records.map(({ offset }) => offset)).toEqual(
              Array.from({ length: nextOffset - fromOffset }, (_, n) => fromOffset + n)
            )
            next[partition] = nextOffset
          }
          // A large record that does not fit behind others comes first in time.
          for (const partition of next.keys()) {
            const isGiven = batches.some((batch) => batch.partition === partition)
            silent[partition] = isGiven || next[partition] === logs[partition]!.end ? 0 : silent[partition]! + 1
          }
          expect(Math.max(...silent)).toBeLessThan(6)
        }
      }).pipe(Effect.scoped)
  )
})
