import { Result } from "effect"
import { KafkaError } from "../errors.ts"
import type { TopicSpec } from "../kafka.ts"
import type { ProducerRecord, TopicPartition } from "../records.ts"
import { wireLength } from "./encoding.ts"
import type { Group } from "./groups.ts"
import { makeLog } from "./log.ts"
import type { Log } from "./log.ts"
import type { CommittedOffsets } from "./offsets.ts"
import type { Storage } from "./storage.ts"

/** Kafka's default of `max.message.bytes`. */
export const defaultMaxMessageBytes = 1_048_588

export interface Topic {
  readonly id: string
  readonly spec: TopicSpec & { readonly maxMessageBytes: number }
  readonly logs: Array<Log>
}

export interface OpenTransaction {
  readonly logs: Map<Log, number>
  readonly groups: Set<string>
  /** Stops its time-out. */
  onEnd: (() => void) | undefined
}

/** What the broker knows of one transactional id. */
export interface TransactorState {
  readonly id: string
  readonly producer: number
  epoch: number
  /** Whether the present epoch was made by the broker itself, to end a transaction that took too long. */
  timedOut: boolean
  open: OpenTransaction | undefined
}

/** All the broker knows. Changed only by requests while the writer applies them, one after the other. */
export interface State {
  readonly clusterId: string
  readonly storage: Storage
  readonly topics: Map<string, Topic>
  readonly logs: Map<number, Log>
  /** Logs touched since the last flush. */
  readonly touched: Set<Log>
  /** To be called once the flush is on disk: fibers it resumes run at once, and must see the whole of it. */
  readonly wakes: Array<() => void>
  readonly offsets: CommittedOffsets
  readonly groups: Map<string, Group>
  readonly transactors: Map<string, TransactorState>
}

type Row = Readonly<Record<string, unknown>>

const toSpec = (row: Row, partitions: number): Topic["spec"] => ({
  name: String(row["name"]),
  partitions,
  cleanup: row["cleanup"] as TopicSpec["cleanup"],
  ...(row["retention"] === null ? {} : { retention: Number(row["retention"]) }),
  maxMessageBytes: Number(row["max_bytes"])
})

/** Reads the topics back at start. */
export const loadTopics = (storage: Storage): Pick<State, "topics" | "logs"> => {
  const topics = new Map<string, Topic>()
  const logs = new Map<number, Log>()
  const last = storage.db.prepare("SELECT max(last) AS last FROM batches WHERE log = ?")
  const partitions = storage.db.prepare("SELECT * FROM logs WHERE topic = ? ORDER BY partition")
  for (const row of storage.db.prepare("SELECT * FROM topics").all()) {
    const ofTopic = partitions.all(row["name"]!).map((from) => {
      const id = Number(from["id"])
      const next = Math.max(Number(from["next"]), Number(last.get(id)?.["last"] ?? -1) + 1)
      return makeLog({
        id,
        topic: String(row["name"]),
        partition: Number(from["partition"]),
        first: Number(from["first"]),
        next,
        cleaned: Number(from["cleaned"])
      })
    })
    for (const log of ofTopic) logs.set(log.id, log)
    const spec = toSpec(row, ofTopic.length)
    topics.set(spec.name, { id: String(row["id"]), spec, logs: ofTopic })
  }
  return { topics, logs }
}

const addLog = (state: State, topic: string, partition: number): Log => {
  const { lastInsertRowid } = state.storage.db
    .prepare("INSERT INTO logs (topic, partition, first, next, cleaned) VALUES (?, ?, 0, 0, 0)")
    .run(topic, partition)
  const log = makeLog({ id: Number(lastInsertRowid), topic, partition, first: 0, next: 0, cleaned: 0 })
  state.logs.set(log.id, log)
  return log
}

export const createTopic = (state: State, spec: TopicSpec): Topic => {
  const { db } = state.storage
  const count = Number(db.prepare("UPDATE broker SET topics = topics + 1 RETURNING topics").get()?.["topics"])
  const id = `${state.clusterId}.${count}`
  const maxMessageBytes = spec.maxMessageBytes ?? defaultMaxMessageBytes
  db.prepare("INSERT INTO topics VALUES (?, ?, ?, ?, ?)").run(
    spec.name,
    id,
    spec.cleanup,
    spec.retention ?? null,
    maxMessageBytes
  )
  const logs = Array.from({ length: spec.partitions }, (_, partition) => addLog(state, spec.name, partition))
  const topic: Topic = { id, spec: { ...spec, maxMessageBytes }, logs }
  state.topics.set(spec.name, topic)
  return topic
}

/** More partitions for a topic, as an operator would give it. */
export const growTopic = (state: State, topic: Topic, partitions: number): void => {
  for (let i = topic.logs.length; i < partitions; i++) topic.logs.push(addLog(state, topic.spec.name, i))
  state.topics.set(topic.spec.name, { ...topic, spec: { ...topic.spec, partitions: topic.logs.length } })
}

export const deleteTopic = (state: State, topic: Topic): void => {
  const { db } = state.storage
  for (const log of topic.logs) {
    db.prepare("DELETE FROM batches WHERE log = ?").run(log.id)
    db.prepare("DELETE FROM offsets WHERE log = ?").run(log.id)
    db.prepare("DELETE FROM open_transactions WHERE log = ?").run(log.id)
    state.storage.forget(log)
    state.offsets.forgetLog(log.id)
    state.logs.delete(log.id)
    log.deleted = true
    log.building = undefined
    log.open.clear()
    state.touched.add(log)
  }
  db.prepare("DELETE FROM logs WHERE topic = ?").run(topic.spec.name)
  db.prepare("DELETE FROM topics WHERE name = ?").run(topic.spec.name)
  state.topics.delete(topic.spec.name)
}

const missing = ({ partition, topic }: TopicPartition, exists: boolean) =>
  new KafkaError({
    reason: "TopicMissing",
    message: exists ? `topic ${topic} has no partition ${partition}` : `topic ${topic} does not exist`,
    topic,
    partition: Number.isSafeInteger(partition) ? partition : -1
  })

export const findLog = (state: State, at: TopicPartition): Result.Result<Log, KafkaError> => {
  const topic = state.topics.get(at.topic)
  const log = topic?.logs[at.partition]
  return log === undefined ? Result.fail(missing(at, topic !== undefined)) : Result.succeed(log)
}

const invalid = (record: ProducerRecord, compacted: boolean): string | undefined => {
  if (!Number.isSafeInteger(record.timestamp) || record.timestamp < 0)
    return "its timestamp is not a count of milliseconds"
  if (compacted && record.key === null) return "a compacted topic takes no record without a key"
  return undefined
}

/** Where each record goes; an error for the first one the broker will not take. */
export const findLogs = (
  state: State,
  records: ReadonlyArray<ProducerRecord>
): Result.Result<ReadonlyArray<Log>, KafkaError> => {
  const logs: Array<Log> = []
  for (const record of records) {
    const { partition, topic } = record
    const found = state.topics.get(topic)
    const log = found?.logs[partition]
    if (found === undefined || log === undefined) return Result.fail(missing(record, found !== undefined))
    const why = invalid(record, found.spec.cleanup !== "delete")
    if (why !== undefined) {
      return Result.fail(
        new KafkaError({ reason: "InvalidRecord", message: `${topic}/${partition}: ${why}`, topic, partition })
      )
    }
    const { maxMessageBytes } = found.spec
    const quick = (record.key?.length ?? 0) + (record.value?.length ?? 0)
    if ((record.headers.length > 0 || quick + 100 > maxMessageBytes) && wireLength(record) > maxMessageBytes) {
      const message = `${topic}/${partition}: a record of ${wireLength(record)} bytes is over max.message.bytes=${maxMessageBytes}`
      return Result.fail(new KafkaError({ reason: "RecordTooLarge", message, topic, partition }))
    }
    logs.push(log)
  }
  return Result.succeed(logs)
}

/** Appends to the logs found for them, and answers the offsets in the order given. */
export const append = (
  state: State,
  records: ReadonlyArray<ProducerRecord>,
  logs: ReadonlyArray<Log>,
  producer: number
): Array<number> => {
  const offsets: Array<number> = []
  for (let i = 0; i < records.length; i++) {
    const log = logs[i]!
    if (log.building === undefined) state.touched.add(log)
    offsets.push(state.storage.append(log, records[i]!, producer))
  }
  return offsets
}
