import { describe, expect, it } from "vitest"
import * as Assignment from "../../src/kafka/cluster/assignment.ts"
import type { TopicPartition } from "../../src/kafka/records.ts"
import { seeded, seeds } from "./seeded.ts"

/** A member as it joins: the partitions of one topic it owns, and the generation it heard of last. */
interface Joining {
  readonly owned: ReadonlyArray<number>
  readonly since: number
}

const inbox = (partitions: ReadonlyArray<number>): ReadonlyArray<TopicPartition> =>
  partitions.map((partition) => ({ topic: "inbox", partition }))

/** What each is given in this round, by way of the bytes that the broker passes on. */
const round = (
  members: ReadonlyMap<string, Joining>,
  partitions: number
): ReadonlyMap<string, ReadonlyArray<number>> => {
  const joined = Array.from(members, ([memberId, { owned, since }]) => ({
    memberId,
    metadata: Assignment.subscription(["inbox"], inbox(owned), since)
  }))
  const answers = Assignment.assign(Assignment.subscribers(joined), new Map([["inbox", partitions]]))
  return new Map(
    answers.map(({ assignment, memberId }) => [
      memberId,
      Assignment.assigned(assignment).map(({ partition }) => partition)
    ])
  )
}

const given = (members: Readonly<Record<string, Joining>>, partitions: number) =>
  Object.fromEntries(round(new Map(Object.entries(members)), partitions))

const fresh: Joining = { owned: [], since: -1 }

describe("an assignment", () => {
  it("withholds what its owner still has to give up, and gives it to the other in the next round", () => {
    expect(given({ a: { owned: [0, 1], since: 1 }, b: fresh }, 2)).toEqual({ a: [0], b: [] })
    expect(given({ a: { owned: [0], since: 2 }, b: { owned: [], since: 2 } }, 2)).toEqual({ a: [0], b: [1] })
  })

  it("believes the claim of a member that has missed the assignment before: it goes on with what it had", () => {
    const members = { a: { owned: [0, 1], since: 5 }, b: { owned: [2], since: 6 }, c: fresh }
    expect(given(members, 3)).toEqual({ a: [0], b: [2], c: [] })
  })

  it("believes the later of two claims, and none of two of the same generation until both have given it up", () => {
    expect(given({ a: { owned: [0], since: 5 }, b: { owned: [0], since: 6 } }, 1)).toEqual({ a: [], b: [0] })
    expect(given({ a: { owned: [0], since: 6 }, b: { owned: [0], since: 6 } }, 1)).toEqual({ a: [], b: [] })
  })

  it.each(seeds(200))("has one owner for each partition, whoever misses what (seed %i)", (seed) => {
    const random = seeded(seed)
    const partitions = 1 + random.int(12)
    const members = new Map<string, Joining>([["m0", fresh]])
    const next = (generation: number, misses: () => boolean) => {
      const answers = round(members, partitions)
      for (const [id, mine] of answers) {
        const others = [...members].filter(([other]) => other !== id).flatMap(([, { owned }]) => owned)
        expect(mine.filter((partition) => others.includes(partition))).toEqual([])
      }
      for (const [id, mine] of answers) if (!misses()) members.set(id, { owned: mine, since: generation })
    }
    let generation = 1
    for (; generation < 30; generation++) {
      if (random.chance(0.3)) members.set(`m${generation}`, fresh)
      if (random.chance(0.2) && members.size > 1) members.delete([...members.keys()][random.int(members.size)]!)
      next(generation, () => random.chance(0.3))
    }
    // Once nobody misses anything, two rounds later each partition has an owner, and none has two more than another.
    for (let last = 0; last < 3; last++) next(generation++, () => false)
    const all = Array.from(members.values(), ({ owned }) => owned)
    expect(all.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, n) => n))
    const sizes = all.map(({ length }) => length)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(2)
  })
})
