import type { Effect } from "effect"
import type { TransactionError } from "../kafka/errors.ts"
import type { Membership, Transaction, Transactor } from "../kafka/kafka.ts"
import { noHeaders } from "../kafka/records.ts"
import type { ProducerRecord } from "../kafka/records.ts"
import { positionKey, positionValue } from "../store/entry.ts"
import type { SettleSet } from "./partition.ts"

/**
 * Writes settle sets in one transaction: outputs in the order of their turns, the last value of each changelog entry, each partition's
 * position, and the consumed offsets (also where a set only fired a timer), under the membership captured when the settle started.
 */
export const settle = (
  transactor: Transactor,
  membership: Membership,
  changelog: string,
  sets: ReadonlyArray<SettleSet>,
  now: number
): Effect.Effect<void, TransactionError> => transactor.commit(transaction(membership, changelog, sets, now))

export const transaction = (
  membership: Membership,
  changelog: string,
  sets: ReadonlyArray<SettleSet>,
  now: number
): Transaction => {
  const records: Array<ProducerRecord> = []
  for (const set of sets) {
    for (const turn of set.included) for (const output of turn.outputs) records.push(output)
  }
  for (const set of sets) {
    const { partition } = set.partition
    const entry = (key: Uint8Array, value: Uint8Array | null): ProducerRecord => ({
      topic: changelog,
      partition,
      key,
      value,
      headers: noHeaders,
      timestamp: now
    })
    for (const [key, value] of lastValues(set).values()) records.push(entry(key, value))
    records.push(entry(positionKey, positionValue.encode(set.position)))
  }
  const committed = sets.map(({ partition, position }) => ({
    topic: partition.topic,
    partition: partition.partition,
    offset: position.next
  }))
  return { records, offsets: { membership, committed } }
}

const lastValues = (set: SettleSet) => {
  const last = new Map<string, readonly [Uint8Array, Uint8Array | null]>()
  for (const turn of set.included) {
    for (const entry of turn.entries) last.set(identity(entry[0]), entry)
  }
  return last
}

/** Bytes as a map key: one character a byte. */
const identity = (bytes: Uint8Array): string => {
  let id = ""
  for (let i = 0; i < bytes.length; i++) id += String.fromCharCode(bytes[i]!)
  return id
}
