import { Option, Result } from "effect"
import * as Utf8 from "../actor/utf8.ts"
import type { Batch, KafkaRecord } from "../kafka/records.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import { bytesOf, Message } from "./cell.ts"
import { commanded, commandOf, obey } from "./control.ts"
import type { Command, Letters } from "./control.ts"
import { deadLetterRecord } from "./deadLetter.ts"
import { isCrowded, park, parkAll } from "./parking.ts"
import type { Partition } from "./partition.ts"

const noLetters: Letters = new Map()

/**
 * Takes a batch in: each record goes into the window, and into the mailbox of its key or behind what is parked of it.
 * `letters`: the dead letters that the batch's commands want, looked up.
 */
export const admit = (partition: Partition, batch: Batch, now: number, letters: Letters = noLetters): void => {
  const last = batch.records.length - 1
  if (partition.window.size === 0 && partition.stalledSince === undefined) partition.progressAt = now
  for (let i = 0; i <= last; i++) {
    const record = batch.records[i]!
    admitRecord(partition, record, i === last ? batch.nextOffset : record.offset + 1, now, letters)
  }
  partition.readOffset = batch.nextOffset
  partition.endOffset = batch.endOffset
}

const admitRecord = (partition: Partition, record: KafkaRecord, next: number, now: number, letters: Letters): void => {
  const { codec, spec } = partition.around.definition.inbox
  const text = record.key === null ? undefined : Utf8.decodeOr(record.key)
  const key = text === undefined ? codec.decodeKey(record.key) : codec.keyFrom(text)
  const misplaced = record.key !== null && partitionFor(record.key, spec.partitions) !== partition.partition
  const cell = Result.isFailure(key) || misplaced ? partition.nowhere : partition.cell(text!)
  const message = new Message(cell, record, next, bytesOf(record.key?.length ?? 0, record), false)
  partition.window.admit(message)
  if (misplaced) return reroute(partition, message, record)
  const whom = record.headers.length === 0 ? undefined : commanded(record)
  if (whom !== undefined) {
    const isOurs = whom === partition.actor && !partition.around.definition.isAtLeastOnce
    const order = isOurs ? Option.getOrUndefined(commandOf(record)) : undefined
    return command(partition, message, order, now, letters)
  }
  if (Result.isFailure(key)) return discard(partition, message, record, key.failure.message, now)
  if (cell.parked.length > 0 || cell.paused !== undefined) {
    return isCrowded(cell) ? discard(partition, message, record, "ParkedQueueFull", now) : park(partition, message)
  }
  cell.enqueue(message)
  if (cell.running === undefined) partition.around.wake(partition, cell)
}

/** Some producers partition by another hash: the record goes to where the state of its key is. */
const reroute = (partition: Partition, message: Message, record: KafkaRecord): void => {
  const { topic } = partition
  partition.window.finish(message, message.bytes)
  partition.finish({
    cell: message.cell,
    offset: message.offset,
    outputs: [
      { ...record, topic, partition: partitionFor(record.key!, partition.around.definition.inbox.spec.partitions) }
    ],
    entries: []
  })
}

/**
 * Commands bypass the key's queue; another actor's are only passed over. What the key has begun, and what waits for it, is parked
 * first: so its turns are in the order of the inbox, and any of them can be settled without those behind it.
 */
const command = (
  partition: Partition,
  message: Message,
  order: Command | undefined,
  now: number,
  letters: Letters
): void => {
  const { cell, offset } = message
  partition.window.finish(message, message.bytes)
  // Without a key there is nothing to command but the dead letter itself.
  const possible = order !== undefined && (cell !== partition.nowhere || order.op === "discard")
  if (possible) parkAll(partition, cell)
  const written = possible ? obey(partition, message, order, now, letters) : { entries: [], outputs: [] }
  partition.finish({ cell: possible ? cell : partition.nowhere, offset, ...written })
  if (cell !== partition.nowhere) partition.around.wake(partition, cell)
}

/** To the dead letters, its bytes untouched. */
const discard = (partition: Partition, message: Message, record: KafkaRecord, cause: string, now: number): void => {
  partition.window.finish(message, message.bytes)
  const { offset } = record
  const source = { topic: partition.topic, partition: partition.partition, offset }
  const letter = { id: `${partition.topic}/${partition.partition}/${offset}`, cause, attempts: 1, source }
  const dead = { ...record, topic: partition.deadLetters, partition: partition.partition, letter }
  const outputs = [deadLetterRecord({ ...dead, failedAt: now })]
  partition.finish({ cell: message.cell, offset, outputs, entries: [] })
}
