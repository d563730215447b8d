import { expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { decodeRecords, readHeader, verifyChecksum } from "../../src/kafka/cluster/batch-decoder.ts"
import type { ProduceRequest } from "../../src/kafka/cluster/produce-api.ts"
import { settings } from "../../src/kafka/cluster/settings.ts"
import * as Transactor from "../../src/kafka/cluster/transactor.ts"
import type { TransactionOutcome } from "../../src/kafka/errors.ts"
import type { Transaction } from "../../src/kafka/kafka.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { inTime, metadata, noAnswer, noConnection, wire } from "./wire.ts"
import type { Asked, Trouble } from "./wire.ts"

const at = { topic: "t", partition: 0 }
const transaction: Transaction = {
  records: [{ ...at, key: null, value: Buffer.from("v"), headers: [], timestamp: 1 }],
  offsets: {
    membership: { group: "g", memberId: "m", generation: 3 },
    committed: [{ topic: "inbox", partition: 0, offset: 5 }]
  }
}
const many = (trouble: Trouble) => Array.from({ length: 1_000 }, () => trouble)

/** One commit among these troubles: its outcome, and how the broker was told to end the transaction. */
const commit = Effect.fnUntraced(function* (troubles: Readonly<Record<string, ReadonlyArray<Trouble>>>) {
  const { connections, inputs } = wire(troubles)
  const options = { transactionalId: "t" }
  const made = Transactor.make(settings({ brokers: ["broker:9092"] }), metadata, connections, options)
  const transactor = yield* inTime(made)
  const outcome = (tried: Transaction) =>
    Effect.match(inTime(transactor.commit(tried)), {
      onSuccess: (): TransactionOutcome | "committed" => "committed",
      onFailure: ({ outcome }) => outcome
    })
  const first = yield* outcome(transaction)
  const ends = (inputs("EndTxn") as ReadonlyArray<{ commit: boolean }>).map(({ commit }) => commit)
  return { first, ends, again: yield* outcome(transaction) }
})

const steps = ["AddPartitionsToTxn", "AddOffsetsToTxn", "Produce", "TxnOffsetCommit", "EndTxn"]
const before = steps.slice(0, 4)
const product = (apis: ReadonlyArray<string>, troubles: ReadonlyArray<Trouble>) =>
  apis.flatMap((api) => troubles.map((trouble) => ({ api, trouble })))

const busy = ["CONCURRENT_TRANSACTIONS", "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"]
const leaderless = [
  "NOT_LEADER_OR_FOLLOWER",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "REQUEST_TIMED_OUT",
  "KAFKA_STORAGE_ERROR"
]
const taken = ["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "TRANSACTION_COORDINATOR_FENCED"]

describe("a commit that meets trouble once", () => {
  it.effect.each([
    ...product(steps, [...busy, noConnection]),
    ...product(["Produce"], leaderless),
    // A second copy of these does no harm: the epoch, or the sequence number, tells it.
    ...product(["AddPartitionsToTxn", "AddOffsetsToTxn", "Produce"], [noAnswer])
  ])("asks again: $api, $trouble", ({ api, trouble }) =>
    Effect.gen(function* () {
      expect(yield* commit({ [api]: [trouble, trouble] })).toEqual({
        first: "committed",
        ends: api === "EndTxn" && trouble !== noConnection ? [true, true, true] : [true],
        again: "committed"
      })
    })
  )

  it.effect.each([
    ...product(["Produce"], ["INVALID_RECORD", "INVALID_TIMESTAMP"]).map((one) => ({ ...one, outcome: "refused" })),
    ...product(["TxnOffsetCommit"], ["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"]).map((one) => ({
      ...one,
      outcome: "stale"
    })),
    ...product(before, ["TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"]).map((one) => ({
      ...one,
      outcome: "aborted"
    }))
  ])("is aborted for certain, and the next goes on: $api, $trouble: $outcome", ({ api, outcome, trouble }) =>
    Effect.gen(function* () {
      expect(yield* commit({ [api]: [trouble] })).toEqual({ first: outcome, ends: [false], again: "committed" })
    })
  )

  it.effect.each(product(steps, taken))("is fenced for good: $api, $trouble", ({ api, trouble }) =>
    Effect.gen(function* () {
      const { again, first } = yield* commit({ [api]: [trouble] })
      expect([first, again]).toEqual(["fenced", "fenced"])
    })
  )

  it.effect.each([
    // A copy of these that comes late might end, or move, the next transaction.
    ...product(["TxnOffsetCommit", "EndTxn"], [noAnswer]),
    ...product(steps, ["INVALID_TXN_STATE", "UNKNOWN_SERVER_ERROR", "INVALID_PRODUCER_ID_MAPPING"]),
    ...product(["Produce"], ["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID", "DUPLICATE_SEQUENCE_NUMBER"])
  ])("is unclear, and over: nothing more is said to the broker: $api, $trouble", ({ api, trouble }) =>
    Effect.gen(function* () {
      const { again, ends, first } = yield* commit({ [api]: [trouble] })
      expect([first, again]).toEqual(["unclear", "unclear"])
      expect(ends).toEqual(api === "EndTxn" ? [true] : [])
    })
  )
})

describe("a record that is too large", () => {
  it.effect.each(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"])(
    "is sent once more, compressed as its producer may have sent it, and then refused: %s",
    (error) =>
      Effect.gen(function* () {
        expect(yield* commit({ Produce: [error] })).toEqual({ first: "committed", ends: [true], again: "committed" })
        expect(yield* commit({ Produce: [error, error] })).toEqual({
          first: "refused",
          ends: [false],
          again: "committed"
        })
        const { connections, inputs } = wire({ Produce: [error] })
        const options = { transactionalId: "t" }
        const transactor = yield* Transactor.make(settings({ brokers: ["b:1"] }), metadata, connections, options)
        yield* inTime(transactor.commit(transaction))
        const sent = (inputs("Produce") as ReadonlyArray<ProduceRequest>).map(({ partitions }) => {
          const { batch } = partitions[0]!
          const records: Array<KafkaRecord> = []
          const header = readHeader(batch, 0)!
          verifyChecksum(batch, header)
          decodeRecords(batch, header, 0, records)
          return records.map(({ value }) => String(value))
        })
        expect(sent).toEqual([["v"], ["v"]])
      })
  )
})

describe("a commit that is interrupted", () => {
  it.effect.each(steps)("is unclear, whatever was under way: %s", (step) =>
    Effect.gen(function* () {
      let isAway = true
      const { asked, connections } = wire({}, ({ api }) => (isAway && api === step ? Effect.never : Effect.void))
      const options = { transactionalId: "t" }
      const transactor = yield* Transactor.make(settings({ brokers: ["b:1"] }), metadata, connections, options)
      const open = yield* Effect.forkChild(transactor.commit(transaction))
      yield* TestClock.adjust(100)
      yield* Fiber.interrupt(open)
      expect(asked.map(({ api }) => api)).toContain(step)
      isAway = false
      const before = asked.length
      expect(yield* Effect.flip(transactor.commit(transaction))).toMatchObject({ outcome: "unclear" })
      expect(asked.length).toBe(before)
    })
  )
})

describe("a commit whose trouble does not end", () => {
  it.effect.each([
    { api: "AddPartitionsToTxn", trouble: noAnswer, first: "aborted" },
    { api: "AddOffsetsToTxn", trouble: "COORDINATOR_LOAD_IN_PROGRESS", first: "aborted" },
    { api: "TxnOffsetCommit", trouble: noConnection, first: "unclear" },
    // What was never answered may still be written after an abort.
    { api: "Produce", trouble: noAnswer, first: "unclear" },
    { api: "Produce", trouble: "NOT_ENOUGH_REPLICAS", first: "unclear" },
    { api: "Produce", trouble: noConnection, first: "aborted" },
    { api: "EndTxn", trouble: "CONCURRENT_TRANSACTIONS", first: "unclear" }
  ])("gives up within the transaction's time: $api, $trouble: $first", ({ api, first, trouble }) =>
    Effect.gen(function* () {
      const started = yield* Clock.currentTimeMillis
      const { connections } = wire({ [api]: many(trouble) })
      const options = { transactionalId: "t", timeout: 10_000 }
      const transactor = yield* Transactor.make(settings({ brokers: ["b:1"] }), metadata, connections, options)
      const error = yield* Effect.flip(inTime(transactor.commit(transaction)))
      expect(error.outcome).toBe(first)
      expect(error.message).not.toBe("")
      expect((yield* Clock.currentTimeMillis) - started).toBeLessThanOrEqual(12_000)
    })
  )

  it.effect("is unclear where the broker has timed the transaction out: nobody else has taken the name", () =>
    Effect.gen(function* () {
      // The answer comes when the transaction's time is over.
      const late = ({ api }: Asked) => (api === "EndTxn" ? Effect.sleep(4_000) : Effect.void)
      const { connections } = wire({ EndTxn: ["PRODUCER_FENCED"] }, late)
      const options = { transactionalId: "t", timeout: 3_000 }
      const transactor = yield* Transactor.make(settings({ brokers: ["b:1"] }), metadata, connections, options)
      const error = yield* Effect.flip(inTime(transactor.commit(transaction)))
      expect(error.outcome).toBe("unclear")
    })
  )

  it.effect.each(["InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn"])(
    "is unclear, not fenced, where a request of its own may have come late and fenced it: %s",
    (api) =>
      Effect.gen(function* () {
        const { first } = yield* commit({ [api]: [noAnswer], EndTxn: ["PRODUCER_FENCED"] })
        expect(first).toBe("unclear")
      })
  )

  it.effect("is unclear where its abort is not answered, whatever came before", () =>
    Effect.gen(function* () {
      const { again, ends, first } = yield* commit({ Produce: ["INVALID_RECORD"], EndTxn: [noAnswer] })
      expect([first, ends, again]).toEqual(["unclear", [false], "unclear"])
    })
  )
})
