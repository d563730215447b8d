import { Effect, Option } from "effect"
import type { Member } from "../kafka/kafka.ts"
import type { Position } from "./positions.ts"

/** A partition and what its group knows of it. */
export interface Told {
  readonly position: Position
  /** What is read and written next: beyond `position.stored` where only markers lay between. */
  read: number
  /** What the group was told last. */
  told: number
}

/** Tells the group where we are; answers whether it knows us still. */
export const tell = Effect.fnUntraced(function* (member: Member, all: ReadonlyArray<Told>) {
  const membership = yield* member.membership
  if (Option.isNone(membership)) return false
  const offsets = all.map(({ position: { partition, topic }, read }) => ({ topic, partition, offset: read }))
  return yield* Effect.matchEffect(member.commit(membership.value, offsets), {
    onFailure: (error) => (error.reason === "StaleMember" ? Effect.succeed(false) : Effect.fail(error)),
    onSuccess: () => {
      for (const each of all) each.told = each.read
      return Effect.succeed(true)
    }
  })
})
