import { Effect } from "effect"
import { KafkaError } from "../errors.ts"
import type { Topics, TopicSpec } from "../kafka.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import { earliest, latest } from "./fetch-api.ts"
import type { Metadata } from "./metadata.ts"
import { offsetAt } from "./offsets.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"
import { configsOf, described, description, differences } from "./topic-settings.ts"
import { createTopics, describeConfigs } from "./topics-api.ts"

/** Replicas of a new topic, where there are as many brokers. */
const replicas = 3

export const make = (settings: Settings, metadata: Metadata, connections: Connections): Topics => {
  const { patience } = settings

  const refresh = (names: ReadonlyArray<string>) =>
    retrying(patience, () => Effect.as(metadata.refresh(names), done(undefined)))

  /** `rehearsal`: the controller says what it thinks of it, and creates nothing. */
  const create = (missing: ReadonlyArray<TopicSpec>, rehearsal: boolean) =>
    retrying(
      patience,
      Effect.fnUntraced(function* (n: number): Effect.fn.Return<Attempt<void>, ConnectionError | KafkaError> {
        if (n > 0) yield* metadata.refresh([])
        const controller = metadata.controller() ?? metadata.any()
        const copies = Math.min(replicas, metadata.size())
        const answer = yield* connections.request(controller, createTopics, {
          timeout: settings.requestTimeout * 0.8,
          rehearsal,
          topics: missing.map((topic) => ({
            name: topic.name,
            partitions: topic.partitions,
            replicas: copies,
            configs: configsOf(topic, copies)
          }))
        })
        let retry: KafkaError | undefined
        for (const { errorCode, errorMessage, name } of answer.topics) {
          const error = errorName(errorCode)
          // Another process was quicker: what it made is looked at like any other.
          if (error === "NONE" || error === "TOPIC_ALREADY_EXISTS") continue
          const why = refused(
            error,
            `creation of topic ${name} with ${copies} replicas${errorMessage ? ` (${errorMessage})` : ""}`,
            { topic: name }
          )
          if (!isTransient(error)) return yield* why
          retry = why
        }
        return retry === undefined ? done(undefined) : again(retry)
      })
    )

  /** A topic can be used once its partitions have leaders. */
  const usable = Effect.fnUntraced(function* ({ name }: TopicSpec) {
    const { partitions } = yield* metadata.topic(name)
    yield* Effect.forEach(partitions, (_, partition) => metadata.leader(name, partition), { discard: true })
  })

  const describe: Topics["describe"] = Effect.fnUntraced(function* (names) {
    if (names.length === 0) return []
    const before = names.filter((name) => metadata.known(name) !== undefined)
    yield* refresh(names)
    // One broker does not know what another has told of: it is new, or this one was cut off, or it has been deleted.
    const doubtful = before.filter((name) => metadata.known(name) === undefined)
    yield* Effect.forEach(doubtful, (name) => Effect.ignore(metadata.topic(name)), { concurrency: "unbounded" })
    const known = names.flatMap((name) => metadata.known(name) ?? [])
    if (known.length === 0) return []
    const configs = yield* retrying(
      patience,
      Effect.fnUntraced(function* (): Effect.fn.Return<
        Attempt<ReadonlyMap<string, ReadonlyMap<string, string>>>,
        ConnectionError | KafkaError
      > {
        const answer = yield* connections.request(metadata.any(), describeConfigs, {
          topics: known.map(({ name }) => name),
          settings: described
        })
        for (const { errorCode, resourceName } of answer.results) {
          const error = errorName(errorCode)
          if (error === "NONE") continue
          const why = refused(error, `settings of topic ${resourceName}`, { topic: resourceName })
          // Found in the metadata, and not yet, or no longer, known to this broker.
          return isTransient(error) || why.reason === "TopicMissing" ? again(why) : yield* why
        }
        return done(
          new Map(
            answer.results.map(({ configs, resourceName }) => [
              resourceName,
              new Map(configs.map(({ name, value }) => [name, value ?? ""]))
            ])
          )
        )
      })
    )
    return known.map(({ id, name, partitions }) =>
      description({ name, id, partitions: partitions.length }, configs.get(name) ?? new Map())
    )
  })

  const differ = Effect.fnUntraced(function* (topics: ReadonlyArray<TopicSpec>) {
    const actual = new Map((yield* describe(topics.map(({ name }) => name))).map((topic) => [topic.name, topic]))
    return topics.flatMap((topic) => differences(topic, actual.get(topic.name)))
  })

  /** What exists of the topics is as declared. */
  const check = Effect.fnUntraced(function* (topics: ReadonlyArray<TopicSpec>) {
    const wrong = (yield* differ(topics)).find(
      ({ setting }) => setting === "partitions" || setting === "cleanup.policy"
    )
    if (wrong === undefined) return
    return yield* new KafkaError({
      reason: "TopicMismatch",
      message: `topic ${wrong.topic} has ${wrong.setting} ${wrong.actual}; declared is ${wrong.expected}`,
      topic: wrong.topic
    })
  })

  const ensure: Topics["ensure"] = Effect.fnUntraced(function* (topics) {
    if (topics.length === 0) return
    yield* check(topics)
    const missing = topics.filter(({ name }) => metadata.known(name) === undefined)
    if (missing.length === 0) return
    // All or nothing, as far as can be known: a declaration that cannot be met leaves no topics behind.
    yield* create(missing, true)
    yield* create(missing, false)
    yield* Effect.forEach(missing, usable, { discard: true })
    // Another process may have made them, of another mind.
    yield* check(missing)
  })

  const offset =
    (time: number): Topics["beginOffset"] =>
    (partition) =>
      offsetAt(metadata, connections, partition, time, patience)

  return {
    ensure,
    describe,
    differences: differ,
    beginOffset: offset(earliest),
    endOffset: offset(latest),
    offsetAt: Effect.fnUntraced(function* (partition, time) {
      const found = yield* offset(Math.max(0, time))(partition)
      return found >= 0 ? found : yield* offset(latest)(partition)
    })
  }
}
