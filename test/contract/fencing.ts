import { Effect } from "effect"
import { expect } from "vitest"
import { unique } from "../broker/clients.ts"
import { join, owning } from "./membership.ts"
import type { Observed } from "./membership.ts"
import { at, newProcess, newTopic, read, record, timeout, until, values } from "./world.ts"
import type { Suite } from "./world.ts"

export const fencing = (it: Suite): void => {
  it.effect("whoever takes a transactional id over fences those before him, for good", () =>
    Effect.gen(function* () {
      const processes = [yield* newProcess, yield* newProcess, yield* newProcess]
      const where = at(yield* newTopic(processes[0]!))
      const transactionalId = unique("contract")
      const transactors = []
      for (const kafka of processes) transactors.push(yield* kafka.transactor({ transactionalId, timeout }))
      const [first, second, third] = transactors
      for (const old of [first!, second!, first!]) {
        expect(yield* Effect.flip(old.commit({ records: [record(where, "zombie")] }))).toMatchObject({
          outcome: "fenced"
        })
      }
      yield* third!.commit({ records: [record(where, "owner")] })
      expect(values(yield* read(processes[0]!, where))).toEqual(["owner"])
    })
  )

  it.effect("one that has committed before is fenced as well, and its name does not fence others", () =>
    Effect.gen(function* () {
      const [kafka, other] = [yield* newProcess, yield* newProcess]
      const where = at(yield* newTopic(kafka))
      const transactionalId = unique("contract")
      const old = yield* kafka.transactor({ transactionalId, timeout })
      yield* old.commit({ records: [record(where, "before")] })
      const beside = yield* kafka.transactor({ transactionalId: `${transactionalId}-2`, timeout })
      yield* other.transactor({ transactionalId, timeout })
      expect(yield* Effect.flip(old.commit({ records: [record(where, "zombie")] }))).toMatchObject({
        outcome: "fenced"
      })
      yield* beside.commit({ records: [record(where, "beside")] })
      expect(values(yield* read(kafka, where))).toEqual(["before", "beside"])
    })
  )

  it.effect("a generation that is over is refused, also for a partition its member has kept", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group: Observed = { group: unique("group"), topic: yield* newTopic(kafka, { partitions: 2 }), events: [] }
      const output = at(yield* newTopic(kafka))
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 2])
      const old = a.memberships.at(-1)!
      const b = yield* join(yield* newProcess, group, "b")
      yield* owning([a, 1], [b, 1])
      yield* until(() => a.memberships.at(-1)!.generation === b.memberships.at(-1)!.generation)
      const kept = at(group.topic, Number([...a.owned][0]!.split("/")[1]))
      const committed = [{ ...kept, offset: 1 }]
      const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
      const commit = (membership: typeof old, value: string) =>
        transactor.commit({ records: [record(output, value)], offsets: { membership, committed } })
      expect(yield* Effect.flip(commit(old, "stale"))).toMatchObject({ outcome: "stale" })
      expect(yield* Effect.flip(a.member.commit(old, committed))).toMatchObject({ reason: "StaleMember" })
      expect(yield* a.member.committed([kept])).toEqual([])
      // The transactor is not over: with the present generation it goes on.
      yield* commit(a.memberships.at(-1)!, "fresh")
      expect(yield* a.member.committed([kept])).toEqual(committed)
      expect(values(yield* read(kafka, output))).toEqual(["fresh"])
    })
  )

  it.effect("a member that has left can commit no more", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group: Observed = { group: unique("group"), topic: yield* newTopic(kafka), events: [] }
      const a = yield* join(kafka, group, "a")
      yield* owning([a, 1])
      const gone = a.memberships.at(-1)!
      yield* a.leave
      const b = yield* join(yield* newProcess, group, "b")
      yield* owning([b, 1])
      const committed = [{ ...at(group.topic), offset: 9 }]
      const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
      const stale = transactor.commit({ records: [], offsets: { membership: gone, committed } })
      expect(yield* Effect.flip(stale)).toMatchObject({ outcome: "stale" })
      expect(yield* Effect.flip(b.member.commit(gone, committed))).toMatchObject({ reason: "StaleMember" })
      expect(yield* b.member.committed([at(group.topic)])).toEqual([])
    })
  )

  it.effect("of two members with one instance id the older is over", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const group: Observed = { group: unique("group"), topic: yield* newTopic(kafka), events: [] }
      const options = { instanceId: "one", sessionTimeout: 6_000 }
      const a = yield* join(kafka, group, "a", undefined, options)
      yield* owning([a, 1])
      const b = yield* join(yield* newProcess, group, "b", undefined, options)
      yield* owning([b, 1])
      const error = yield* Effect.flip(a.member.failed)
      expect(error.reason).toBe("StaleMember")
      expect(error.message).toContain("one")
      yield* owning([a, 0], [b, 1])
      expect(group.events).toContainEqual({ who: "a", what: "lost", partitions: [`${group.topic}/0`] })
    })
  )
}
