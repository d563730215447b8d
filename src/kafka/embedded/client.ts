import { Effect, Option, Result } from "effect"
import type { KafkaError } from "../errors.ts"
import type { Kafka } from "../kafka.ts"
import type { KafkaRecord, RecordPosition } from "../records.ts"
import { unanswered } from "./connection.ts"
import type { Connection } from "./connection.ts"
import type { Coordinator } from "./coordinator.ts"
import type { Log } from "./log.ts"
import * as Member from "./member.ts"
import * as Producer from "./producer.ts"
import * as Reader from "./reader.ts"
import { findLog } from "./state.ts"
import type { State } from "./state.ts"
import * as Topics from "./topics.ts"
import * as Transactor from "./transactor.ts"
import type { Background } from "./transactor.ts"
import type { Writer } from "./writer.ts"

/** Kafka's limit for one open transaction where none is given, in milliseconds. */
const defaultTransactionTimeout = 10_000

/** The port, as one client of the broker. */
export const make = (
  state: State,
  writer: Writer,
  coordinator: Coordinator,
  connection: Connection,
  background: Background
): Kafka["Service"] => {
  const read = (at: RecordPosition): Effect.Effect<Option.Option<KafkaRecord>, KafkaError> =>
    Effect.suspend(() => {
      const log = findLog(state, at)
      if (Result.isFailure(log)) return Effect.fail(log.failure)
      return Reader.readStored(() => readOne(state, log.success, at.offset))
    })
  return {
    clusterId: state.clusterId,
    topics: Topics.make(state, writer, connection),
    producer: Effect.sync(() => Producer.make(state, writer, connection)),
    transactor: ({ timeout = defaultTransactionTimeout, transactionalId }) =>
      Transactor.make(state, writer, connection, background, { transactionalId, timeout }),
    reader: (options) => Reader.make(state, connection, options ?? {}),
    member: (options) => Member.make(state, writer, connection, coordinator, options),
    read: (at) =>
      connection
        .perform({ kind: "read", subjects: [at.topic] }, read(at))
        .pipe(Effect.catchTag("Unanswered", unanswered(`read ${at.topic}`)))
  }
}

const readOne = (state: State, log: Log, offset: number): Option.Option<KafkaRecord> => {
  if (offset < log.first || offset >= log.stable) return Option.none()
  const { records } = state.storage.read(log, offset, { to: offset + 1, budget: 0, must: true, committed: true })
  return Option.fromUndefinedOr(records.find((record) => record.offset === offset))
}
