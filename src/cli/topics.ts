import { Console, Effect, Schema } from "effect"
import type { Option } from "effect"
import type { AnyTopology } from "../actor/topology.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { TopicDifference, TopicSpec } from "../kafka/kafka.ts"
import { declaredTopics } from "../supervision/topics.ts"
import { table } from "./table.ts"

/** `sixfold topics`' flags. */
export interface TopicsOptions {
  /** Brokers, as host:port; none: the embedded one. */
  readonly kafka: Option.Option<ReadonlyArray<string>>
  readonly data: string
  readonly create: boolean
}

/** The broker's topics are not as declared. */
export class TopicsDiffer extends Schema.TaggedError<TopicsDiffer>()("TopicsDiffer", { message: Schema.String }) {}

interface Row {
  readonly spec: TopicSpec
  readonly told: string
}

const told = (missing: boolean, differences: ReadonlyArray<TopicDifference>): string =>
  missing
    ? "missing"
    : differences.length === 0
      ? "as declared"
      : differences.map(({ actual, expected, setting }) => `${setting} is ${actual}, declared ${expected}`).join("; ")

const rows = Effect.fnUntraced(function* (specs: ReadonlyArray<TopicSpec>) {
  const { topics } = yield* Kafka
  const there = new Set((yield* topics.describe(specs.map(({ name }) => name))).map(({ name }) => name))
  const differences = yield* topics.differences(specs.filter(({ name }) => there.has(name)))
  return specs.map((spec): Row => {
    const own = differences.filter(({ topic }) => topic === spec.name)
    return { spec, told: told(!there.has(spec.name), own) }
  })
})

/** Prints the declared topics beside the broker's. Creates what is missing when asked to; what differs is never changed. */
export const printTopics = Effect.fnUntraced(function* (topology: AnyTopology, create: boolean) {
  const { topics } = yield* Kafka
  const specs = yield* Effect.fromResult(declaredTopics(topology))
  if (create) {
    const there = new Set((yield* topics.describe(specs.map(({ name }) => name))).map(({ name }) => name))
    yield* topics.ensure(specs.filter(({ name }) => !there.has(name)))
  }
  const found = yield* rows(specs)
  yield* Console.log(
    table(found.map(({ spec, told }) => [spec.name, `${spec.partitions} partitions`, spec.cleanup, told])).join("\n")
  )
  const others = found.filter(({ told }) => told !== "as declared").length
  if (others > 0) {
    return yield* new TopicsDiffer({ message: `${others} of ${found.length} topics are not as declared` })
  }
})
