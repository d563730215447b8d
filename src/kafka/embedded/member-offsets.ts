import { Effect, Latch, Result } from "effect"
import type { KafkaError } from "../errors.ts"
import type { CommittedOffset } from "../kafka.ts"
import type { TopicPartition } from "../records.ts"
import { unanswered } from "./connection.ts"
import type { Connection } from "./connection.ts"
import { findLog } from "./state.ts"
import type { State } from "./state.ts"

/** Committed offsets once no open transaction can change them any more (KIP-447, requireStable). */
export const committedOffsets = (
  state: State,
  connection: Connection,
  group: string,
  partitions: ReadonlyArray<TopicPartition>
): Effect.Effect<ReadonlyArray<CommittedOffset>, KafkaError> => {
  const stable = Effect.suspend(() => {
    const found = Result.all(partitions.map((at) => findLog(state, at)))
    if (Result.isFailure(found)) return Effect.fail(found.failure)
    const logs = found.success
    const answer = () =>
      logs.flatMap(({ id, partition, topic }): ReadonlyArray<CommittedOffset> => {
        const offset = state.offsets.get(group, id)
        return offset === undefined ? [] : [{ topic, partition, offset }]
      })
    const ids = logs.map((log) => log.id)
    if (!state.offsets.isPending(group, ids)) return Effect.succeed(answer())
    const ended = Latch.makeUnsafe(false)
    const watch = Effect.sync(() => state.offsets.watch(group, () => ended.openUnsafe()))
    const wait = Effect.whileLoop({
      while: () => state.offsets.isPending(group, ids),
      body: () => ended.await,
      step: () => ended.closeUnsafe()
    })
    return Effect.acquireUseRelease(
      watch,
      () => wait,
      (unwatch) => Effect.sync(unwatch)
    ).pipe(Effect.map(answer))
  })
  return connection
    .perform({ kind: "committed", subjects: [group] }, stable)
    .pipe(Effect.catchTag("Unanswered", unanswered(`committed offsets of ${group}`)))
}
