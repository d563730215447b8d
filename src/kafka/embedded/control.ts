import { Effect, Result } from "effect"
import { KafkaError } from "../errors.ts"
import type { Cleaner } from "./cleaner.ts"
import type { Faults } from "./connection.ts"
import type { Coordinator } from "./coordinator.ts"
import type { FaultHook } from "./faults.ts"
import type { Group } from "./groups.ts"
import { deleteTopic, growTopic } from "./state.ts"
import type { State, Topic } from "./state.ts"
import type { Writer } from "./writer.ts"

/** What tests and simulations may do to the broker, past its port. */
export interface Control {
  /** From now on every request of every client is asked about. */
  intercept(hook: FaultHook): Effect.Effect<void>
  /** No more faults. */
  readonly heal: Effect.Effect<void>
  /** Compacts and applies retention to all topics, now. */
  readonly clean: Effect.Effect<void, KafkaError>
  /** Makes all members of the group join again. */
  rebalance(group: string): Effect.Effect<void, KafkaError>
  /** The group as the coordinator has it; undefined when it never was. */
  group(name: string): Effect.Effect<Group | undefined>
  /** Drops the group's committed offsets, as Kafka does some days after a group has emptied. */
  forgetOffsets(group: string): Effect.Effect<void, KafkaError>
  /** Transactional ids that have an open transaction. */
  readonly openTransactions: Effect.Effect<ReadonlyArray<string>>
  /** What it keeps for its clients at present: nothing of a client that has gone in order. */
  readonly kept: Effect.Effect<Kept>
  deleteTopic(name: string): Effect.Effect<void, KafkaError>
  /** More partitions for a topic, as an operator would give it. */
  growTopic(name: string, partitions: number): Effect.Effect<void, KafkaError>
}

/** How many there are. */
export interface Kept {
  /** Of group members. */
  readonly sessions: number
  readonly openTransactions: number
  /** Reads that wait for records. */
  readonly waiting: number
}

export const make = (
  state: State,
  writer: Writer,
  coordinator: Coordinator,
  cleaner: Cleaner,
  faults: Faults
): Control => {
  const withTopic = (name: string, change: (topic: Topic) => void) =>
    writer.submit(() => {
      const topic = state.topics.get(name)
      if (topic === undefined) {
        return Result.fail(
          new KafkaError({ reason: "TopicMissing", message: `topic ${name} does not exist`, topic: name })
        )
      }
      change(topic)
      return Result.void
    })
  const setHook = (hook: FaultHook | undefined) =>
    Effect.sync(() => {
      faults.hook = hook
    })
  const rebalanceSubscribers = (topic: string) =>
    Effect.forEach(
      [...state.groups].filter(([, { members }]) => [...members.values()].some(({ topics }) => topics.includes(topic))),
      ([group]) => coordinator.rebalance(group),
      { discard: true }
    )
  const open = () => [...state.transactors.values()].filter(({ open }) => open)
  return {
    intercept: setHook,
    heal: setHook(undefined),
    clean: cleaner.all,
    rebalance: (group) => coordinator.rebalance(group),
    group: (name) => Effect.sync(() => state.groups.get(name)),
    forgetOffsets: (group) => writer.submit(() => Result.succeed(state.offsets.forget(group))),
    openTransactions: Effect.sync(() => open().map(({ id }) => id)),
    kept: Effect.sync(() => ({
      sessions: coordinator.sessions,
      openTransactions: open().length,
      waiting: [...state.logs.values()].reduce((sum, { watchers }) => sum + watchers.size, 0)
    })),
    deleteTopic: (name) => withTopic(name, (topic) => deleteTopic(state, topic)),
    growTopic: (name, partitions) =>
      Effect.andThen(
        withTopic(name, (topic) => growTopic(state, topic, partitions)),
        Effect.suspend(() => rebalanceSubscribers(name))
      )
  }
}
