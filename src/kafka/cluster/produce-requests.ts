import { batchBytes, sign } from "./batch-encoder.ts"
import type { Broker } from "./connections.ts"
import * as Lane from "./lane.ts"
import type { Metadata } from "./metadata.ts"
import type { ProducePartition } from "./produce-api.ts"
import type { Settings } from "./settings.ts"

/** Bytes of batches in one request. */
const requestBytes = 8 * 1024 * 1024

/** Requests under way per broker. */
const maxInFlight = 5

/** A batch under way, and the lane it belongs to. */
export interface Sent {
  readonly lane: Lane.Lane
  readonly batch: Lane.LaneBatch
}

/** What goes to one broker at once. */
export interface Request {
  readonly nodeId: number
  readonly broker: Broker
  readonly batches: Array<Sent>
  bytes: number
}

/** Everything that may go to a broker now, at most one batch per partition and request. */
export const gather = (options: {
  readonly lanes: Iterable<Lane.Lane>
  readonly metadata: Metadata
  readonly settings: Settings
  /** Requests under way, by broker. */
  readonly inFlight: ReadonlyMap<number, number>
  readonly now: number
}): ReadonlyArray<Request> => {
  const { inFlight, lanes, metadata, now, settings } = options
  const requests = new Map<number, Request>()
  for (const lane of lanes) {
    const leader = lane.leaderDoubted ? undefined : metadata.knownLeader(lane.topic, lane.partition)
    if (leader === undefined || (inFlight.get(leader.nodeId) ?? 0) >= maxInFlight) continue
    const head = Lane.ready(lane, now, settings.linger, batchBytes)
    if (head === undefined) continue
    const request = requests.get(leader.nodeId) ?? {
      nodeId: leader.nodeId,
      broker: leader.broker,
      batches: [],
      bytes: 0
    }
    if (request.bytes > 0 && request.bytes + head.records.bytes > requestBytes) continue
    request.bytes += head.records.bytes
    request.batches.push({ lane, batch: Lane.depart(lane) })
    requests.set(leader.nodeId, request)
  }
  return [...requests.values()]
}

/** The batches as they go over the wire now: their identity may be another each time. */
export const seal = ({ batches }: Request, settings: Settings): ReadonlyArray<ProducePartition> =>
  batches.map(({ batch, lane }) => {
    const bytes = batch.records.seal(settings.compression)
    sign(bytes, { ...lane.identity!, baseSequence: batch.sequence })
    return { topic: lane.topic, partition: lane.partition, batch: bytes }
  })
