import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { BrokerRequest, Verdict } from "../../src/kafka/embedded/faults.ts"
import { KafkaError } from "../../src/kafka/errors.ts"
import type { Observed } from "../contract/membership.ts"
import { doublyOwned, join } from "../contract/membership.ts"
import { at, read, record, values } from "../contract/world.ts"

const where = at("t")

/** A broker with the topic `t`; `settle` lets everything run that needs no time to pass. */
const open = Effect.fnUntraced(function* (partitions: number = 1) {
  const broker = yield* Embedded.make()
  yield* broker.client("test").kafka.topics.ensure([{ name: "t", partitions, cleanup: "delete" }])
  return broker
})
const settle = Effect.forEach(Array.from({ length: 200 }), () => Effect.yieldNow, { discard: true })

/** The first request of the kind gets the verdict, all others pass; answers how many there were of the kind. */
const once = (kind: BrokerRequest["kind"], verdict: Verdict) => {
  let count = 0
  return {
    count: () => count,
    hook: (request: BrokerRequest) =>
      Effect.sync((): Verdict => (request.kind === kind && ++count === 1 ? verdict : "pass"))
  }
}

describe("a transaction whose end gets no answer", () => {
  const refused: Verdict = { error: new KafkaError({ reason: "Unavailable", message: "not now" }) }

  it.effect.each<readonly [name: string, verdict: Verdict, happened: boolean]>([
    ["the answer is lost", "lose", true],
    ["the request is lost", "fail", false],
    ["the broker refuses it", refused, false]
  ])("is unclear and its transactor is over, when %s; the next one settles it", ([, verdict, happened]) =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const { kafka } = client("test")
      const transactor = yield* kafka.transactor({ transactionalId: "x" })
      const fault = once("end", verdict)
      yield* control.intercept(fault.hook)
      const first = yield* Effect.flip(transactor.commit({ records: [record(where, "first")] }))
      expect(first.outcome).toBe("unclear")
      expect((yield* Effect.flip(transactor.commit({ records: [record(where, "more")] }))).outcome).toBe("unclear")
      expect(fault.count()).toBe(1)
      expect(yield* control.openTransactions).toEqual(happened ? [] : ["x"])
      const next = yield* kafka.transactor({ transactionalId: "x" })
      expect(yield* control.openTransactions).toEqual([])
      yield* next.commit({ records: [record(where, "second")] })
      expect(values(yield* read(kafka, where))).toEqual(happened ? ["first", "second"] : ["second"])
    })
  )

  it.effect("cannot be ended by a late request once there is a new epoch", () =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const { kafka } = client("test")
      const arrives = yield* Deferred.make<void>()
      const old = yield* kafka.transactor({ transactionalId: "x" })
      yield* control.intercept(once("end", { later: Deferred.await(arrives) }).hook)
      expect((yield* Effect.flip(old.commit({ records: [record(where, "old")] }))).outcome).toBe("unclear")
      const next = yield* kafka.transactor({ transactionalId: "x" })
      // The next transaction is open when the commit of the one before it arrives.
      yield* control.intercept(({ kind }) =>
        kind === "end"
          ? Effect.as(Effect.andThen(Deferred.succeed(arrives, undefined), settle), "fail")
          : Effect.succeed("pass")
      )
      expect((yield* Effect.flip(next.commit({ records: [record(where, "next")] }))).outcome).toBe("unclear")
      expect(yield* control.openTransactions).toEqual(["x"])
      yield* control.heal
      yield* kafka.transactor({ transactionalId: "x" })
      expect(values(yield* read(kafka, where))).toEqual([])
    })
  )

  it.effect("is aborted by the broker when its time is over, and its owner is not called fenced", () =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const { kafka } = client("test")
      const transactor = yield* kafka.transactor({ transactionalId: "x", timeout: 5_000 })
      yield* control.intercept(({ kind }) =>
        kind === "end" ? Effect.as(Effect.sleep(6_000), "pass" as const) : Effect.succeed("pass" as const)
      )
      const late = yield* Effect.forkChild(Effect.flip(transactor.commit({ records: [record(where, "late")] })))
      yield* settle
      yield* TestClock.adjust(4_999)
      yield* settle
      expect(yield* control.openTransactions).toEqual(["x"])
      yield* TestClock.adjust(1)
      yield* settle
      expect(yield* control.openTransactions).toEqual([])
      yield* TestClock.adjust(1_000)
      yield* settle
      expect((yield* Fiber.join(late)).outcome).toBe("unclear")
      expect(values(yield* read(kafka, where))).toEqual([])
    })
  )
})

describe("a transaction whose records get no answer", () => {
  it.effect.each<Verdict>(["lose", "fail"])("is aborted, and its transactor goes on (%s)", (verdict) =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const { kafka } = client("test")
      const transactor = yield* kafka.transactor({ transactionalId: "x" })
      yield* control.intercept(once("write", verdict).hook)
      expect((yield* Effect.flip(transactor.commit({ records: [record(where, "first")] }))).outcome).toBe("aborted")
      yield* transactor.commit({ records: [record(where, "second")] })
      expect(values(yield* read(kafka, where))).toEqual(["second"])
    })
  )

  it.effect("an interrupted commit is an unclear one", () =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const { kafka } = client("test")
      const transactor = yield* kafka.transactor({ transactionalId: "x" })
      yield* control.intercept(({ kind }) => (kind === "end" ? Effect.never : Effect.succeed("pass")))
      const commit = yield* Effect.forkChild(transactor.commit({ records: [record(where, "v")] }))
      yield* settle
      yield* Fiber.interrupt(commit)
      yield* control.heal
      expect((yield* Effect.flip(transactor.commit({ records: [] }))).outcome).toBe("unclear")
    })
  )
})

describe("a producer", () => {
  it.effect("whose answer is lost sends again, and its records are there once", () =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const { kafka } = client("test")
      const producer = yield* kafka.producer
      const fault = once("produce", "lose")
      yield* control.intercept(fault.hook)
      const sends = Array.from({ length: 5 }, (_, i) => producer.send([record(where, String(i))]))
      expect(yield* Effect.all(sends, { concurrency: 5 })).toEqual([[0], [1], [2], [3], [4]])
      expect(fault.count()).toBe(6)
      expect(values(yield* read(kafka, where))).toEqual(["0", "1", "2", "3", "4"])
    })
  )
})

const observe = (): Observed => ({ group: "g", topic: "t", events: [] })

describe("a member", () => {
  it.effect("tells since when nobody answers its join, until somebody does", () =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const fault = { verdict: "fail" as Verdict }
      yield* control.intercept(({ kind }) => Effect.succeed(kind === "join" ? fault.verdict : "pass"))
      yield* TestClock.adjust(5_000)
      const { member, owned } = yield* join(client("test").kafka, observe(), "a")
      yield* settle
      expect(member.away()).toEqual({ since: 5_000, cause: "no broker could be reached (join g)" })
      fault.verdict = "pass"
      yield* TestClock.adjust(100)
      yield* settle
      expect([member.away(), owned.size]).toEqual([undefined, 1])
    })
  )

  it.effect("that is frozen past its session loses what it had to another, and joins again once it thaws", () =>
    Effect.gen(function* () {
      const broker = yield* open(4)
      const [frozen, other] = [broker.client("frozen"), broker.client("other")]
      const group = observe()
      const a = yield* join(frozen.kafka, group, "a", undefined, { sessionTimeout: 10_000 })
      const b = yield* join(other.kafka, group, "b", undefined, { sessionTimeout: 10_000 })
      yield* settle
      expect([a.owned.size, b.owned.size]).toEqual([2, 2])
      const before = [...a.owned]
      const zombie = a.memberships.at(-1)!
      yield* frozen.freeze
      yield* TestClock.adjust(9_999)
      yield* settle
      expect(b.owned.size).toBe(2)
      yield* TestClock.adjust(1)
      yield* settle
      expect(b.owned.size).toBe(4)
      // It still believes: what it does not know, it cannot act on. Its generation keeps it from committing.
      expect(a.owned.size).toBe(2)
      const transactor = yield* other.kafka.transactor({ transactionalId: "x" })
      const stale = { membership: zombie, committed: [{ ...where, offset: 1 }] }
      expect((yield* Effect.flip(transactor.commit({ records: [], offsets: stale }))).outcome).toBe("stale")
      yield* frozen.thaw
      yield* settle
      expect(group.events).toContainEqual({ who: "a", what: "lost", partitions: before })
      expect([a.owned.size, b.owned.size]).toEqual([2, 2])
      expect(a.memberships.at(-1)!.memberId).not.toBe(zombie.memberId)
      expect(yield* b.member.committed([where])).toEqual([])
    })
  )

  it.effect("that is frozen for less keeps everything", () =>
    Effect.gen(function* () {
      const broker = yield* open(2)
      const group = observe()
      const client = broker.client("frozen")
      const a = yield* join(client.kafka, group, "a", undefined, { sessionTimeout: 10_000 })
      yield* settle
      yield* client.freeze
      yield* TestClock.adjust(9_000)
      yield* settle
      yield* client.thaw
      yield* TestClock.adjust(60_000)
      yield* settle
      expect(a.memberships).toHaveLength(1)
      expect(a.owned.size).toBe(2)
    })
  )

  it.effect("that crashed is given up when its session expires, and its transaction when that takes too long", () =>
    Effect.gen(function* () {
      const broker = yield* open(2)
      const { control } = broker
      const group = observe()
      const crashed = broker.client("crashed")
      yield* join(crashed.kafka, group, "a", undefined, { sessionTimeout: 10_000 })
      const b = yield* join(broker.client("other").kafka, group, "b", undefined, { sessionTimeout: 10_000 })
      yield* settle
      const transactor = yield* crashed.kafka.transactor({ transactionalId: "x", timeout: 20_000 })
      yield* control.intercept(({ kind }) => (kind === "end" ? Effect.never : Effect.succeed("pass")))
      yield* Effect.forkChild(transactor.commit({ records: [record(where, "v")] }))
      yield* settle
      yield* crashed.crash
      yield* control.heal
      yield* TestClock.adjust(9_999)
      yield* settle
      expect(b.owned.size).toBe(1)
      yield* TestClock.adjust(1)
      yield* settle
      expect(b.owned.size).toBe(2)
      expect(yield* control.openTransactions).toEqual(["x"])
      yield* TestClock.adjust(10_000)
      yield* settle
      expect(yield* control.openTransactions).toEqual([])
    })
  )

  it.effect("hears of partitions its topic got later", () =>
    Effect.gen(function* () {
      const broker = yield* open(1)
      const group = observe()
      const a = yield* join(broker.client("a").kafka, group, "a")
      yield* settle
      yield* broker.control.growTopic("t", 3)
      yield* settle
      expect([...a.owned]).toEqual(["t/0", "t/1", "t/2"])
      expect(doublyOwned(group.events)).toEqual([])
    })
  )

  it.effect("that commits while a transaction is open has the last word: its offset was written later", () =>
    Effect.gen(function* () {
      const broker = yield* open(1)
      const { kafka } = broker.client("a")
      const a = yield* join(kafka, observe(), "a")
      yield* settle
      const membership = a.memberships[0]!
      const ends = yield* Deferred.make<void>()
      yield* broker.control.intercept(({ kind }) =>
        Effect.as(kind === "end" ? Deferred.await(ends) : Effect.void, "pass" as const)
      )
      const transactor = yield* kafka.transactor({ transactionalId: "x" })
      const commit = yield* Effect.forkChild(
        transactor.commit({ records: [], offsets: { membership, committed: [{ ...where, offset: 2 }] } })
      )
      yield* settle
      yield* a.member.commit(membership, [{ ...where, offset: 5 }])
      yield* Deferred.succeed(ends, undefined)
      yield* Fiber.join(commit)
      expect(yield* a.member.committed([where])).toEqual([{ ...where, offset: 5 }])
    })
  )

  it.effect("whose offsets were forgotten is told that there are none", () =>
    Effect.gen(function* () {
      const broker = yield* open(1)
      const a = yield* join(broker.client("a").kafka, observe(), "a")
      yield* settle
      yield* a.member.commit(a.memberships[0]!, [{ ...where, offset: 3 }])
      yield* broker.control.forgetOffsets("g")
      expect(yield* a.member.committed([where])).toEqual([])
    })
  )
})

describe("a topic that is deleted", () => {
  it.effect("ends its readers with an error, and is another one when it is made again", () =>
    Effect.gen(function* () {
      const { client, control } = yield* open()
      const { kafka } = client("test")
      yield* (yield* kafka.producer).send([record(where, "old")])
      const [before] = yield* kafka.topics.describe(["t"])
      const reader = yield* kafka.reader()
      yield* reader.seek(where, 1)
      const poll = yield* Effect.forkChild(Effect.flip(reader.poll))
      yield* settle
      yield* control.deleteTopic("t")
      expect(yield* Fiber.join(poll)).toMatchObject({ reason: "TopicMissing", topic: "t" })
      yield* kafka.topics.ensure([{ name: "t", partitions: 1, cleanup: "delete" }])
      const [after] = yield* kafka.topics.describe(["t"])
      expect(after!.id).not.toBe(before!.id)
      expect(yield* kafka.topics.endOffset(where)).toBe(0)
    })
  )
})
