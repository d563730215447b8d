import type { ActorStatus } from "./actors.ts"

type Labels = Readonly<Record<string, string | number>>
interface Sample {
  readonly labels: Labels
  readonly value: number
}

const escaped = (value: string | number): string =>
  String(value).replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')

const line = (name: string, { labels, value }: Sample): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${escaped(value)}"`)
    .join(",")}} ${value}`

const family = (name: string, type: "gauge" | "counter", help: string, samples: ReadonlyArray<Sample>): string =>
  [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((sample) => line(name, sample)), ""].join("\n")

/**
 * The replicas of this process as Prometheus text (version 0.0.4), from one moment's status: a partition that has moved
 * away leaves no stale series behind.
 */
export const prometheus = (actors: ReadonlyArray<ActorStatus>): string => {
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
    family(
      "sixfold_dead_letters",
      "gauge",
      "Records in the dead letters of the actor.",
      actors
        .filter(({ kind }) => kind !== "routes")
        .map(({ deadLetters, name: actor }) => ({ labels: { actor }, value: deadLetters }))
    ),
    family(
      "sixfold_replica_state",
      "gauge",
      "1 for the state the replica is in.",
      replicas.map(({ labels, status }) => ({ labels: { ...labels, state: status.state }, value: 1 }))
    ),
    family(
      "sixfold_replica_restarts_total",
      "counter",
      "Restarts after a crash since the process began.",
      replicas.map(({ labels, status }) => ({ labels, value: status.restarts }))
    ),
    family(
      "sixfold_partition_lag",
      "gauge",
      "Records of the log that are not settled.",
      each(({ lag }) => lag)
    ),
    family(
      "sixfold_partition_in_flight",
      "gauge",
      "Messages taken and not settled.",
      each(({ inFlight }) => inFlight)
    ),
    family(
      "sixfold_partition_parked",
      "gauge",
      "Messages parked behind a waiting key.",
      each(({ parked }) => parked)
    ),
    family(
      "sixfold_partition_held",
      "gauge",
      "1 where a key or transaction holds the partition.",
      each(({ held }) => (held === null ? 0 : 1))
    )
  ].join("")
}
