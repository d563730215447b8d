import process from "node:process"
import type { ActorStatus } from "./actors.ts"

export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** Samples of one metric, in Prometheus' terms. */
export interface Family {
  readonly name: string
  readonly type: "gauge" | "counter"
  readonly help: string
  readonly samples: ReadonlyArray<Sample>
}

/**
 * The replicas of this process as metrics, from one moment's status: a partition that has moved away leaves no stale
 * series behind.
 */
export const actorFamilies = (actors: ReadonlyArray<ActorStatus>): ReadonlyArray<Family> => {
  const replicas = actors.flatMap(({ name: actor, replicas }) =>
    replicas.map((status) => ({ labels: { actor, replica: status.replica }, status }))
  )
  const partitions = replicas.flatMap(({ labels, status }) =>
    status.partitions.map((status) => ({
      labels: {
        ...labels,
        ...(status.topic === undefined ? {} : { topic: status.topic }),
        partition: status.partition
      },
      status
    }))
  )
  const each = (value: (partition: (typeof partitions)[number]["status"]) => number) =>
    partitions.map(({ labels, status }) => ({ labels, value: value(status) }))
  return [
    {
      name: "sixfold_dead_letters",
      type: "gauge",
      help: "Records in the dead letters of the actor.",
      samples: actors
        .filter(({ kind }) => kind !== "routes")
        .map(({ deadLetters, name: actor }) => ({ labels: { actor }, value: deadLetters }))
    },
    {
      name: "sixfold_dead_letters_oldest_timestamp_seconds",
      type: "gauge",
      help: "When the oldest of the dead letters was given up, since the epoch.",
      samples: actors.flatMap(({ name: actor, oldestDeadLetter }) =>
        oldestDeadLetter === undefined ? [] : [{ labels: { actor }, value: Date.parse(oldestDeadLetter) / 1_000 }]
      )
    },
    {
      name: "sixfold_replica_state",
      type: "gauge",
      help: "1 for the state the replica is in.",
      samples: replicas.map(({ labels, status }) => ({ labels: { ...labels, state: status.state }, value: 1 }))
    },
    {
      name: "sixfold_replica_restarts_total",
      type: "counter",
      help: "Restarts after a crash since the process began.",
      samples: replicas.map(({ labels, status }) => ({ labels, value: status.restarts }))
    },
    {
      name: "sixfold_partition_lag",
      type: "gauge",
      help: "Records of the log that are not settled.",
      samples: each(({ lag }) => lag)
    },
    {
      name: "sixfold_partition_in_flight",
      type: "gauge",
      help: "Messages taken and not settled.",
      samples: each(({ inFlight }) => inFlight)
    },
    {
      name: "sixfold_partition_parked",
      type: "gauge",
      help: "Messages parked behind a waiting key.",
      samples: each(({ parked }) => parked)
    },
    {
      name: "sixfold_partition_held",
      type: "gauge",
      help: "1 where a key or transaction holds the partition.",
      samples: each(({ held }) => (held === null ? 0 : 1))
    }
  ]
}

const one = (name: string, type: Family["type"], help: string, value: number): Family => ({
  name,
  type,
  help,
  samples: [{ labels: {}, value }]
})

/** The process itself, under the names Prometheus' own client libraries give them. Units: bytes, seconds. */
export const processFamilies = (): ReadonlyArray<Family> => {
  const { external, heapUsed, rss } = process.memoryUsage()
  const { system, user } = process.cpuUsage()
  return [
    one("process_resident_memory_bytes", "gauge", "Memory of the process in use.", rss),
    one("process_cpu_seconds_total", "counter", "Processor time of the process.", (user + system) / 1e6),
    one("nodejs_heap_size_used_bytes", "gauge", "JavaScript heap in use.", heapUsed),
    one("nodejs_external_memory_bytes", "gauge", "Memory of buffers outside of the heap.", external)
  ]
}
