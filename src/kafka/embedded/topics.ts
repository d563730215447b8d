import { Effect, Result } from "effect"
import { KafkaError } from "../errors.ts"
import type { TopicDescription, TopicDifference, Topics, TopicSpec } from "../kafka.ts"
import type { TopicPartition } from "../records.ts"
import { unanswered } from "./connection.ts"
import type { Connection } from "./connection.ts"
import type { Log } from "./log.ts"
import { readStored } from "./reader.ts"
import { createTopic, defaultMaxMessageBytes, findLog } from "./state.ts"
import type { State, Topic } from "./state.ts"
import type { Writer } from "./writer.ts"

const describe = ({ id, spec }: Topic): TopicDescription => ({ ...spec, id })

const invalidSpec = ({ name, partitions }: TopicSpec): KafkaError | undefined => {
  const refuse = (message: string) => new KafkaError({ reason: "Refused", message, topic: name })
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name) || name === "." || name === "..")
    return refuse(`"${name}" is no topic name`)
  if (!Number.isSafeInteger(partitions) || partitions < 1)
    return refuse(`${name}: ${partitions} is no number of partitions`)
  return undefined
}

const deletes = ({ cleanup }: TopicSpec) => cleanup !== "compact"
const duration = (milliseconds: number | undefined) => (milliseconds === undefined ? "for ever" : `${milliseconds} ms`)

/** Differences between what is declared and what is there, in the words of the cluster layer. */
const compare = (wanted: TopicSpec, topic: Topic | undefined): ReadonlyArray<TopicDifference> => {
  const differences: Array<TopicDifference> = []
  const expect = (setting: string, expected: string, actual: string) => {
    if (expected !== actual) differences.push({ topic: wanted.name, setting, expected, actual })
  }
  expect("exists", "yes", topic === undefined ? "no" : "yes")
  if (topic === undefined) return differences
  const { spec } = topic
  expect("partitions", String(wanted.partitions), String(spec.partitions))
  expect("cleanup.policy", wanted.cleanup, spec.cleanup)
  if (deletes(wanted)) expect("retention.ms", duration(wanted.retention), duration(spec.retention))
  expect("max.message.bytes", String(wanted.maxMessageBytes ?? defaultMaxMessageBytes), String(spec.maxMessageBytes))
  return differences
}

const mismatch = ({ actual, expected, setting, topic }: TopicDifference) =>
  new KafkaError({
    reason: "TopicMismatch",
    message: `topic ${topic} has ${setting} ${actual}, declared is ${expected}`,
    topic
  })

const isFatal = ({ setting }: TopicDifference) => setting === "partitions" || setting === "cleanup.policy"

const ensure = (state: State, specs: ReadonlyArray<TopicSpec>): Result.Result<void, KafkaError> => {
  for (const spec of specs) {
    const invalid = invalidSpec(spec)
    if (invalid !== undefined) return Result.fail(invalid)
    const different = compare(spec, state.topics.get(spec.name)).find(isFatal)
    if (different !== undefined) return Result.fail(mismatch(different))
  }
  for (const spec of specs) if (!state.topics.has(spec.name)) createTopic(state, spec)
  return Result.void
}

export const make = (state: State, writer: Writer, connection: Connection): Topics => {
  const ask = <A>(subjects: ReadonlyArray<string>, apply: Effect.Effect<A, KafkaError>) =>
    connection
      .perform({ kind: "topics", subjects }, apply)
      .pipe(Effect.catchTag("Unanswered", unanswered(`topics ${subjects.join(", ")}`)))
  const askOf = (at: TopicPartition, read: (log: Log) => number) =>
    ask(
      [at.topic],
      Effect.suspend(() => {
        const log = findLog(state, at)
        return Result.isFailure(log) ? Effect.fail(log.failure) : readStored(() => read(log.success))
      })
    )
  const names = (specs: ReadonlyArray<TopicSpec>) => specs.map((spec) => spec.name)
  return {
    ensure: (specs) =>
      ask(
        names(specs),
        writer.submit(() => ensure(state, specs))
      ),
    describe: (wanted) =>
      ask(
        wanted,
        Effect.sync(() =>
          wanted.flatMap((name) => [state.topics.get(name)].filter((topic) => topic !== undefined).map(describe))
        )
      ),
    differences: (specs) =>
      ask(
        names(specs),
        Effect.sync(() => specs.flatMap((spec) => compare(spec, state.topics.get(spec.name))))
      ),
    beginOffset: (at) => askOf(at, (log) => log.first),
    endOffset: (at) => askOf(at, (log) => log.end),
    offsetAt: (at, time) => askOf(at, (log) => state.storage.offsetAt(log, time) ?? log.end)
  }
}
