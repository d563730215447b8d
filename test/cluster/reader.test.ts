import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { Api } from "../../src/kafka/cluster/api.ts"
import type { Connections } from "../../src/kafka/cluster/connections.ts"
import type { FetchRequest } from "../../src/kafka/cluster/fetch-api.ts"
import * as Reader from "../../src/kafka/cluster/reader.ts"
import { settings } from "../../src/kafka/cluster/settings.ts"
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
