/**
 * A process that writes to the broker in the directory it is given until it is killed, and prints what was acknowledged: `ready`, then
 * `send VALUE OFFSET` and `commit VALUE` lines. Every value begins with the second argument.
 */
import { Effect } from "effect"
import { writeSync } from "node:fs"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"

const [directory, run] = process.argv.slice(2)
const say = (line: string) => Effect.sync(() => void writeSync(1, `${line}\n`))
const record = (topic: string, partition: number, value: string): ProducerRecord => ({
  topic,
  partition,
  key: null,
  value: Buffer.from(value),
  headers: [],
  timestamp: 0
})

const main = Effect.gen(function* () {
  const { kafka } = (yield* Embedded.make({ directory: directory! })).client("appender")
  yield* kafka.topics.ensure(["sent", "committed"].map((name) => ({ name, partitions: 2, cleanup: "delete" as const })))
  const producer = yield* kafka.producer
  const transactor = yield* kafka.transactor({ transactionalId: "appender" })
  yield* say("ready")
  const sending = (lane: number) =>
    Effect.gen(function* () {
      for (let n = 0; ; n++) {
        const value = `${run}-${lane}-${n}`
        const [offset] = yield* producer.send([record("sent", lane % 2, value)])
        yield* say(`send ${value} ${offset}`)
      }
    })
  const committing = Effect.gen(function* () {
    for (let n = 0; ; n++) {
      const value = `${run}-${n}`
      yield* transactor.commit({ records: [record("committed", 0, value), record("committed", 1, value)] })
      yield* say(`commit ${value}`)
    }
  })
  yield* Effect.all([committing, ...Array.from({ length: 8 }, (_, lane) => sending(lane))], {
    concurrency: "unbounded"
  })
})

await Effect.runPromise(Effect.scoped(main))
