import { Buffer } from "node:buffer"
import type { Effect } from "effect"
import * as Utf8 from "../actor/utf8.ts"
import type { TransactionError } from "../kafka/errors.ts"
import type { Membership, Transaction, Transactor } from "../kafka/kafka.ts"
import { noHeaders } from "../kafka/records.ts"
import type { ProducerRecord } from "../kafka/records.ts"
import { positionKey, positionValue, stateKey } from "../store/entry.ts"
import type { EntryChange } from "../store/entry.ts"
import type { Cell } from "./cell.ts"
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
    const write = (key: Uint8Array, value: Uint8Array | null) => {
      records.push({ topic: changelog, partition, key, value, headers: noHeaders, timestamp: now })
    }
    for (const [{ key }, json] of lastStates(set)) write(stateKey(key), json === null ? null : Utf8.encode(json))
    for (const [key, value] of lastEntries(set)) write(key, value)
    write(positionKey, positionValue.encode(set.position))
  }
  const committed = sets.map(({ partition, position }) => ({
    topic: partition.topic,
    partition: partition.partition,
    offset: position.next
  }))
  return { records, offsets: { membership, committed } }
}

const lastStates = ({ included }: SettleSet): ReadonlyMap<Cell, string | null> => {
  const last = new Map<Cell, string | null>()
  for (const { cell, state } of included) if (state !== undefined) last.set(cell, state)
  return last
}

const lastEntries = ({ included }: SettleSet): Iterable<EntryChange> => {
  const last = new Map<string, EntryChange>()
  for (const { entries } of included) for (const entry of entries) last.set(identity(entry[0]), entry)
  return last.values()
}

/** Bytes as a map key: one character a byte. */
const identity = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
