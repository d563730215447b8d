import type { Clock } from "effect"
import { Absence } from "../away.ts"
import type { KafkaError } from "../errors.ts"
import { partitionId } from "../records.ts"
import type { TopicPartition } from "../records.ts"
import * as Fetched from "./fetched.ts"
import type { Leader, Metadata } from "./metadata.ts"

/**
 * One partition that is being read, from one seek until the next seek or stop. An answer to a fetch belongs to the slot it was sent
 * for: when that is over, so is the answer.
 */
export interface Slot extends TopicPartition {
  readonly id: string
  readonly fetched: Fetched.Fetched
  /** Of the topic that is read: one of the same name that was made later is another. Unknown until a leader is found. */
  topicId: string | undefined
  /** Whom to fetch from; none while a leader is looked for. */
  leader: Leader | undefined
  /** Who was asked in vain just now. */
  refusedBy: Leader | undefined
  paused: boolean
  /** Why the partition cannot be read on: polls fail with it until the partition is sought anew or stopped. */
  failure: KafkaError | undefined
  /** Of those who lead it. */
  readonly absence: Absence
  /** How often the brokers have said in a row that there is no such partition. */
  missing: number
  over: boolean
}

export interface Slots {
  /** As they are now; changes do not show in it. */
  all(): ReadonlyArray<Slot>
  get(id: string): Slot | undefined
  open(at: TopicPartition, offset: number): Slot
  close(id: string): void
  /** The slots are served in turn; this one has had its. */
  toTheEnd(slot: Slot): void
}

export const make = (metadata: Metadata, clock: Clock.Clock): Slots => {
  const slots = new Map<string, Slot>()
  const close = (id: string) => {
    const slot = slots.get(id)
    if (slot !== undefined) slot.over = true
    slots.delete(id)
  }
  return {
    all: () => [...slots.values()],
    get: (id) => slots.get(id),
    open: (at, offset) => {
      const { partition, topic } = at
      const id = partitionId(topic, partition)
      const paused = slots.get(id)?.paused ?? false
      close(id)
      const slot: Slot = {
        topic,
        partition,
        id,
        fetched: Fetched.make(at, offset),
        topicId: metadata.known(topic)?.id,
        leader: metadata.knownLeader(topic, partition),
        refusedBy: undefined,
        paused,
        failure: undefined,
        absence: new Absence(clock),
        missing: 0,
        over: false
      }
      slots.set(id, slot)
      return slot
    },
    close,
    toTheEnd: (slot) => {
      if (slot.over) return
      slots.delete(slot.id)
      slots.set(slot.id, slot)
    }
  }
}
