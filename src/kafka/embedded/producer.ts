import { Effect, Result, Semaphore } from "effect"
import type { KafkaError } from "../errors.ts"
import type { Producer } from "../kafka.ts"
import type { ProducerRecord } from "../records.ts"
import { unanswered } from "./connection.ts"
import type { Connection } from "./connection.ts"
import { noProducer } from "./log.ts"
import { append, findLogs } from "./state.ts"
import type { State } from "./state.ts"
import type { Writer } from "./writer.ts"

/** Sends in line per producer; more of them wait. */
const maxSends = 256
/** One piece of a large send: others get their turn in between. */
const maxPiece = 2048
/** How often a send that is not answered goes out in all. */
const attempts = 5

/** A send as the broker deduplicates it: applied at most once, however often it arrives (its sequence number). */
const makeSend = (state: State, writer: Writer, records: ReadonlyArray<ProducerRecord>) => {
  let applied: Result.Result<ReadonlyArray<number>, KafkaError> | undefined
  const apply = () => {
    applied ??= Result.map(findLogs(state, records), (logs) => append(state, records, logs, noProducer))
    return applied
  }
  return () => writer.enqueue(apply, records.length)
}

const pieces = (records: ReadonlyArray<ProducerRecord>): ReadonlyArray<ReadonlyArray<ProducerRecord>> => {
  if (records.length <= maxPiece) return [records]
  const cut: Array<ReadonlyArray<ProducerRecord>> = []
  for (let i = 0; i < records.length; i += maxPiece) cut.push(records.slice(i, i + maxPiece))
  return cut
}

export const make = (state: State, writer: Writer, connection: Connection): Producer => {
  const inLine = Semaphore.makeUnsafe(maxSends)
  // With faults, one request after the other: as on one socket, none overtakes one that is held.
  const socket = Semaphore.makeUnsafe(1)

  const send = (records: ReadonlyArray<ProducerRecord>): Effect.Effect<ReadonlyArray<number>, KafkaError> => {
    const sends = pieces(records).map((piece) => makeSend(state, writer, piece))
    // All pieces get in line at once: a later send of this producer must not come between them.
    const once = Effect.suspend(() => {
      const answers = sends.map((enqueue) => enqueue())
      return answers.length === 1 ? answers[0]! : Effect.map(Effect.all(answers), (all) => all.flat())
    })
    if (connection.isPlain) return Effect.tap(once, () => connection.alive)
    const subjects = [...new Set(records.map((record) => record.topic))]
    const sent = connection.perform({ kind: "produce", subjects }, once)
    return socket
      .withPermits(1)(sent)
      .pipe(
        Effect.retry({ times: attempts - 1, while: (error) => error._tag === "Unanswered" }),
        Effect.catchTag("Unanswered", unanswered(`produce ${subjects.join(", ")}`))
      )
  }

  return {
    send: (records) =>
      records.length === 0 ? Effect.succeed([]) : inLine.withPermits(1)(Effect.suspend(() => send(records)))
  }
}
