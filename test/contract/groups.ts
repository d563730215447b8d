import { Cause, Effect, Exit, Fiber, Latch, Option } from "effect"
import { expect } from "vitest"
import { partitionId } from "../../src/kafka/records.ts"
import type { TopicPartition } from "../../src/kafka/records.ts"
import { unique } from "../broker/clients.ts"
import { doublyOwned, join, owning } from "./membership.ts"
import type { Joined, Observed } from "./membership.ts"
import { at, newProcess, newStuckProcess, newTopic, noise, record, stillWaits, timeout, until } from "./world.ts"
import type { Client, Suite } from "./world.ts"

const observed = Effect.fnUntraced(function* (kafka: Client, partitions: number) {
  const group: Observed = { group: unique("group"), topic: yield* newTopic(kafka, { partitions }), events: [] }
  return group
})

export const groups = (it: Suite): void => {
  it.effect("every partition has one owner, while members join and leave", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 7)
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 7])
      const b = yield* join(yield* newProcess, group, "b")
      const c = yield* join(yield* newProcess, group, "c")
      const sizes = () => [a, b, c].map(({ owned }) => owned.size).sort((one, other) => one - other)
      yield* until(() => sizes().join() === "2,2,3")
      yield* b.leave
      yield* until(() => a.owned.size + c.owned.size === 7)
      yield* a.leave
      yield* owning([c, 7])
      expect(doublyOwned(group.events)).toEqual([])
    })
  )

  it.effect("nobody gives up what stays with him", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 6)
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 6])
      const b = yield* join(yield* newProcess, group, "b")
      yield* owning([a, 3], [b, 3])
      const c = yield* join(yield* newProcess, group, "c")
      yield* owning([a, 2], [b, 2], [c, 2])
      const revoked = group.events.filter(({ what }) => what === "revoked").flatMap(({ partitions }) => partitions)
      // Three went from a to b, then one each from a and b to c; no other was touched, and none was lost.
      expect(revoked).toHaveLength(5)
      expect(group.events.filter(({ what }) => what === "lost")).toEqual([])
      expect(doublyOwned(group.events)).toEqual([])
    })
  )

  it.effect("a join does not go before the hook returns", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 2)
      const open = Latch.makeUnsafe(false)
      const a = yield* join(kafka, group, "a", () => open.await)
      const first = yield* Effect.forkChild(until(() => a.owned.size > 0))
      expect(yield* stillWaits(first)).toBe(true)
      expect(Option.isNone(yield* a.member.membership)).toBe(true)
      open.openUnsafe()
      yield* owning([a, 2])
      expect(yield* a.member.membership).toEqual(Option.some(a.memberships.at(-1)))
    })
  )

  it.effect("who gets a partition waits until its owner's hook has let it go; in the hook commits are still good", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 2)
      const open = Latch.makeUnsafe(false)
      const revokedOf = new Array<ReadonlyArray<number>>()
      const commits: Array<unknown> = []
      const hook = (revoked: ReadonlyArray<TopicPartition>): Effect.Effect<void> =>
        revoked.length === 0
          ? Effect.void
          : Effect.gen(function* () {
              revokedOf.push(revoked.map(({ partition }) => partition))
              yield* open.await
              const offsets = revoked.map((each) => ({ ...each, offset: 42 }))
              commits.push(yield* Effect.exit(a.member.commit(a.memberships.at(-1)!, offsets)))
            })
      const a: Joined = yield* join(kafka, group, "a", hook)
      yield* owning([a, 2])
      const b = yield* join(yield* newProcess, group, "b")
      yield* until(() => revokedOf.length > 0)
      const handedOver = yield* Effect.forkChild(until(() => b.owned.size > 0))
      expect(yield* stillWaits(handedOver)).toBe(true)
      open.openUnsafe()
      yield* owning([a, 1], [b, 1])
      expect(commits).toMatchObject([{ _tag: "Success" }])
      const moved = at(group.topic, revokedOf[0]![0])
      expect([...b.owned]).toEqual([partitionId(moved.topic, moved.partition)])
      expect(yield* b.member.committed([moved])).toEqual([{ ...moved, offset: 42 }])
      expect(doublyOwned(group.events)).toEqual([])
    })
  )

  it.effect("who leaves hands over at once, long before its session would have expired", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 4)
      const options = { sessionTimeout: 60_000 }
      const a = yield* join(kafka, group, "a", undefined, options)
      yield* owning([a, 4])
      // Its heartbeats are rare with such a session: only a leave makes the group move soon.
      yield* a.leave
      const b = yield* join(yield* newProcess, group, "b", undefined, options)
      yield* Effect.timeout(owning([b, 4]), "40 seconds")
      expect(doublyOwned(group.events)).toEqual([])
    })
  )

  it.effect("generations only grow, and each assignment has its own", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 2)
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 2])
      const b = yield* join(yield* newProcess, group, "b")
      yield* owning([a, 1], [b, 1])
      yield* b.leave
      yield* owning([a, 2])
      const generations = a.memberships.map(({ generation }) => generation)
      expect(generations).toEqual([...new Set(generations)].sort((one, other) => one - other))
      expect(new Set(a.memberships.map(({ memberId }) => memberId)).size).toBe(1)
    })
  )

  it.effect("committed offsets outlive the members; a partition without one is left out", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 3)
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 3])
      const partitions = [0, 1, 2].map((partition) => at(group.topic, partition))
      expect(yield* a.member.committed(partitions)).toEqual([])
      const membership = a.memberships.at(-1)!
      yield* a.member.commit(membership, [
        { ...partitions[0]!, offset: 5 },
        { ...partitions[2]!, offset: 7 }
      ])
      yield* a.member.commit(membership, [{ ...partitions[0]!, offset: 6 }])
      yield* a.leave
      const b = yield* join(yield* newProcess, group, "b")
      yield* owning([b, 3])
      const found = (yield* b.member.committed(partitions)).toSorted((one, other) => one.partition - other.partition)
      expect(found).toEqual([
        { ...partitions[0]!, offset: 6 },
        { ...partitions[2]!, offset: 7 }
      ])
    })
  )

  it.effect("offsets are committed with the records of their transaction, or not at all", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 1)
      const output = yield* newTopic(kafka, { maxMessageBytes: 1_000 })
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 1])
      const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
      const where = at(group.topic)
      const commit = (offset: number, value: string) =>
        transactor.commit({
          records: [record(at(output), value)],
          offsets: { membership: a.memberships.at(-1)!, committed: [{ ...where, offset }] }
        })
      yield* commit(3, "good")
      expect(yield* a.member.committed([where])).toEqual([{ ...where, offset: 3 }])
      expect(yield* Effect.flip(commit(4, noise))).toMatchObject({ outcome: "refused" })
      expect(yield* a.member.committed([where])).toEqual([{ ...where, offset: 3 }])
      // Offsets alone are a transaction, too.
      yield* transactor.commit({
        records: [],
        offsets: { membership: a.memberships.at(-1)!, committed: [{ ...where, offset: 5 }] }
      })
      expect(yield* a.member.committed([where])).toEqual([{ ...where, offset: 5 }])
    })
  )

  it.effect("a defect of the listener is the member's failure, and the others go on without it", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group: Observed = { group: unique("group"), topic: yield* newTopic(kafka, { partitions: 2 }), events: [] }
      const a = yield* join(kafka, group, "a", () => Effect.die(new Error("a bug of the listener")))
      const exit = yield* Effect.exit(a.member.failed)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ message: "a bug of the listener" })
      const b = yield* join(kafka, group, "b")
      yield* owning([b, 2])
    })
  )

  it.effect("committed offsets are answered once no open transaction can change them", () =>
    Effect.gen(function* () {
      const [kafka, stuck] = [yield* newProcess, yield* newStuckProcess]
      const group = yield* observed(kafka, 2)
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 2])
      const where = at(group.topic)
      const membership = a.memberships.at(-1)!
      yield* a.member.commit(membership, [
        { ...where, offset: 1 },
        { ...at(group.topic, 1), offset: 10 }
      ])
      const transactionalId = unique("contract")
      const open = yield* stuck.transactor({ transactionalId, timeout: 60_000 })
      yield* Effect.flip(open.commit({ records: [], offsets: { membership, committed: [{ ...where, offset: 2 }] } }))
      const committed = yield* Effect.forkChild(a.member.committed([where]))
      expect(yield* stillWaits(committed)).toBe(true)
      // Others' partitions do not wait for it.
      expect(yield* a.member.committed([at(group.topic, 1)])).toEqual([{ ...at(group.topic, 1), offset: 10 }])
      yield* kafka.transactor({ transactionalId, timeout })
      expect(yield* Fiber.join(committed)).toEqual([{ ...where, offset: 1 }])
    })
  )

  it.effect("a static member that comes back gets what it had, and nobody else hears of it", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group = yield* observed(kafka, 4)
      const options = { instanceId: "a", sessionTimeout: 30_000 }
      const a = yield* join(kafka, group, "a", undefined, options)
      const b = yield* join(yield* newProcess, group, "b", undefined, { ...options, instanceId: "b" })
      yield* owning([a, 2], [b, 2])
      const [before, rounds] = [[...a.owned].sort(), b.memberships.length]
      yield* a.leave
      const again = yield* join(yield* newProcess, group, "a again", undefined, options)
      yield* owning([again, 2])
      expect([...again.owned].sort()).toEqual(before)
      expect(b.memberships).toHaveLength(rounds)
    })
  )
}
