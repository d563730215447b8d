import { Clock, Effect } from "effect"
import type { TopicPartition } from "../records.ts"
import type { Api } from "./api.ts"
import { pause } from "./backoff.ts"
import type { Connections } from "./connections.ts"
import type { Coordinator } from "./coordinator.ts"
import type { Metadata } from "./metadata.ts"
import { errorName } from "./protocol-error.ts"
import { Stopped, verdict } from "./transaction-outcome.ts"

/** How often a partition must be unknown to the broker asked and in the metadata, over about three seconds, to count as missing. */
const missingAfter = 7

/** One request of an open transaction. */
export interface Step<Input, Output> {
  readonly what: string
  readonly api: Api<Input, Output>
  readonly coordinator: Coordinator
  readonly input: Input
  readonly errorCodes: (output: Output) => ReadonlyArray<number>
  /** Whose existence the request supposes. */
  readonly partitions?: ReadonlyArray<TopicPartition>
  /** Whether a second copy of the request may reach the broker without harm, even in a later transaction of this epoch. */
  readonly repeatable: boolean
}

/** Right after a commit the coordinator is busy, mostly for less than a timer's millisecond: the first attempts follow at once. */
const busy = (n: number): Effect.Effect<void> => (n < 3 ? Effect.yieldNow : n < 20 ? Effect.sleep(1) : pause(n))

export interface Steps {
  /** Asks until it is done, the transaction's time is over (`deadline`, in milliseconds since the epoch), or it is known why it cannot be. */
  perform<Input, Output>(step: Step<Input, Output>, deadline: number): Effect.Effect<void, Stopped>
}

/** `stop` fails with what an error code means that is not to be retried; `unanswered` hears of each request that was sent and not answered. */
export const make = (
  metadata: Metadata,
  connections: Connections,
  hears: {
    readonly stop: (error: string, what: string) => Effect.Effect<never, Stopped>
    readonly unanswered: () => void
  }
): Steps => {
  const { stop, unanswered } = hears
  /** One that the brokers do not know. They may still be learning of it. */
  const missingOf = Effect.fnUntraced(function* (partitions: ReadonlyArray<TopicPartition> = []) {
    const refreshed = yield* Effect.result(metadata.refresh([...new Set(partitions.map(({ topic }) => topic))]))
    if (refreshed._tag === "Failure") return undefined
    return partitions.find(({ partition, topic }) => metadata.known(topic)?.partitions[partition] === undefined)
  })

  const perform = Effect.fnUntraced(function* <Input, Output>(
    step: Step<Input, Output>,
    deadline: number
  ): Effect.fn.Return<void, Stopped> {
    const { api, coordinator, errorCodes, input, partitions, what } = step
    let last = "no answer"
    let unknown = 0
    for (let n = 0; ; n++) {
      const found = yield* Effect.result(coordinator.find)
      const result =
        found._tag === "Failure" ? found : yield* Effect.result(connections.request(found.success, api, input))
      if (result._tag === "Success") {
        const error = errorCodes(result.success)
          .map(errorName)
          .find((name) => name !== "NONE")
        if (error === undefined) return
        if (verdict(error) !== "retry") return yield* stop(error, what)
        const missing = error === "UNKNOWN_TOPIC_OR_PARTITION" ? yield* missingOf(partitions) : undefined
        if (missing !== undefined && (++unknown >= missingAfter || (yield* Clock.currentTimeMillis) >= deadline)) {
          return yield* new Stopped({
            outcome: "refused",
            message: `${what}: partition ${missing.partition} of topic ${missing.topic} does not exist`
          })
        }
        if (error === "NOT_COORDINATOR" || error === "COORDINATOR_NOT_AVAILABLE") coordinator.moved()
        last = error
      } else {
        coordinator.moved()
        const { failure } = result
        const floats = found._tag === "Success" && failure._tag === "ConnectionError" && failure.sent
        if (floats) unanswered()
        if (floats && !step.repeatable)
          return yield* new Stopped({ outcome: "unclear", message: `${what}: ${failure.message}`, cause: failure })
        if (failure._tag === "ConnectionError" ? failure.kind !== "away" : failure.reason !== "Unavailable") {
          return yield* new Stopped({ outcome: "aborted", message: failure.message, cause: failure })
        }
        last = failure.message
      }
      if ((yield* Clock.currentTimeMillis) >= deadline) {
        return yield* new Stopped({
          outcome: step.repeatable ? "aborted" : "unclear",
          message: `${what}: ${last} until the transaction's time was over`
        })
      }
      yield* last === "CONCURRENT_TRANSACTIONS" ? busy(n) : pause(n)
    }
  })

  return { perform }
}
