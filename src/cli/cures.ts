import type { ActorStatus, ReplicaStatus } from "../supervision/actors.ts"
import type { PartitionStatus } from "../supervision/child.ts"
import { printable, quoted } from "../actor/printable.ts"

/** A command, and what it does. */
export interface Cure {
  readonly command: string
  readonly does: string
  /** The path to POST to that does the same on this server, where there is one. */
  readonly path?: string
}

/** Something that does not go on by itself. */
export interface Trouble {
  readonly actor: string
  /** The actor, and what of it. */
  readonly what: string
  readonly cause: string
  /** ISO 8601; absent where nobody knows. */
  readonly since?: string
  readonly cures: ReadonlyArray<Cure>
}

/** Where the commands go: flags of `sixfold`, and how `curl` asks the same server. */
export interface Way {
  readonly url: URL
  /** Where it is not the default. */
  readonly isOther: boolean
  readonly tokenFile: string | undefined
  /** The processes whose replicas this server restarts. */
  readonly here: ReadonlySet<string>
}

const flagsOf = ({ isOther, tokenFile, url }: Way): string =>
  `${isOther ? ` --url ${quoted(url.origin)}` : ""}${tokenFile === undefined ? "" : ` --token-file ${quoted(tokenFile)}`}`

const bearerOf = ({ tokenFile }: Way): string =>
  tokenFile === undefined ? "" : ` -H "Authorization: Bearer $(cat ${quoted(tokenFile)})"`

/** No address has it as a part: clients and proxies would read another path. */
const isOdd = (key: string): boolean => key === "" || key === "." || key === ".." || key.includes("\0")

const keyCure = (way: Way, actor: string, op: string, key: string, does: string): Cure => {
  const path = `/actors/${encodeURIComponent(actor)}/keys`
  const flags = `${flagsOf(way)} ${key.startsWith("-") ? "-- " : ""}`
  // No program is given a NUL as an argument.
  const command = key.includes("\0")
    ? `curl${bearerOf(way)} -H 'content-type: application/json' -d ${quoted(JSON.stringify({ key }))} ${quoted(`${way.url.origin}${path}/${op}`)}`
    : `sixfold keys ${quoted(actor)} ${op}${flags}${quoted(key)}`
  return {
    command,
    does,
    ...(isOdd(key) ? {} : { path: `${path}/${encodeURIComponent(key.toWellFormed())}/${op}` })
  }
}

const restart = (way: Way, actor: string, { instance }: ReplicaStatus): Cure => {
  const { here, url } = way
  const isHere = here.has(instance)
  const path = `/actors/${encodeURIComponent(actor)}/restart`
  const where = isHere ? url.origin : `http://ADDRESS-OF-${instance}`
  return {
    command: `curl -X POST${bearerOf(way)} ${quoted(`${where}${path}`)}`,
    does: "start it anew at once",
    ...(isHere ? { path } : {})
  }
}

const topics = (does: string): Cure => ({ command: "sixfold topics …", does })

const rebuild = (way: Way, actor: string): Cure => ({
  command: `sixfold projection rebuild ${quoted(actor)}${flagsOf(way)}`,
  does: "make its table anew from the log",
  path: `/projections/${encodeURIComponent(actor)}/rebuild`
})

/** Kafka's own tool; the cause names the offset. */
const commit = (actor: string, to: string, does: string): Cure => ({
  command: `kafka-consumer-groups.sh … --group APP.${quoted(actor)} --topic TOPIC:PARTITION --reset-offsets ${to} --execute`,
  does
})

/** What people do about an error, by its tag and reason. What else the brokers refuse is asked of them. */
const errorCure = (way: Way, actor: string, error: string): Cure | undefined => {
  switch (error) {
    case "KafkaError/Unavailable":
      return topics("ask the brokers; it goes on once they answer")
    case "KafkaError/TopicMissing":
      return { command: "sixfold topics --create …", does: "make the topics that are missing" }
    case "ProjectionError/OtherLog":
    case "ProjectionError/BeyondEnd":
    case "ProjectionError/InboxOverrun":
    case "ProjectionError/TooManyRefused":
      return rebuild(way, actor)
    case "ReplicaError/PositionMismatch":
      return commit(actor, "--to-offset OFFSET", "commit what the changelog says")
    case "ReplicaError/InboxOverrun":
      return commit(actor, "--to-earliest", "accept that they are lost")
    case "ReplicaError/TopicRecreated":
      return {
        command: `kafka-topics.sh … --delete --topic ${quoted(`${actor}.state`)} && kafka-consumer-groups.sh … --delete --group APP.${quoted(actor)}`,
        does: "begin anew in the new topic: its state goes"
      }
    case "ReplicaError/RestoreStalled":
      return {
        command: "kafka-transactions.sh … find-hanging --broker-id ID, then abort",
        does: "end the transaction that is open there; a log that shrank is restored instead"
      }
    case "ReplicaError/PartitionsChanged":
      return topics("see both numbers; a new topic and a new name for the actor take the other one")
    case "ReplicaError/MemoryExceeded":
      return {
        command: `Actor.make(${quoted(actor)}, { memory: … })`,
        does: "raise its limit in the code, or store less"
      }
    default:
      return error.startsWith("KafkaError/") ? topics("see what the brokers have, or refuse") : undefined
  }
}

const isPaused = (cause: string): boolean => cause === "paused by an operator"

const keyTrouble = (way: Way, actor: string, { cause, key, since }: NonNullable<PartitionStatus["held"]>): Trouble => ({
  actor,
  what: `${actor}, key ${printable(JSON.stringify(key))}`,
  cause,
  since,
  cures: isPaused(cause)
    ? [keyCure(way, actor, "resume", key, "let it go on")]
    : [
        keyCure(way, actor, "resume", key, "try it again"),
        keyCure(way, actor, "skip", key, "move it to the dead letters, and go on")
      ]
})

/** What holds a partition and is no key that waits for an operator. */
const heldTrouble = (way: Way, actor: string, replica: ReplicaStatus, { held, partition, topic }: PartitionStatus) => {
  if (held?.by === undefined) return []
  const isKey = held.by === "handler" || held.by === "worker"
  const what = isKey ? `key ${printable(JSON.stringify(held.key))}` : `${held.by} ${printable(held.key)}`
  const place = `${topic === undefined ? "" : `${topic}/`}${partition}`
  const { cause, since } = held
  return [
    { actor, what: `${actor}, ${what} (partition ${place})`, cause, since, cures: [restart(way, actor, replica)] }
  ]
}

const replicaTroubles = (way: Way, actor: string, replica: ReplicaStatus): ReadonlyArray<Trouble> => {
  const { instance, partitions, silentSince, state, trouble } = replica
  const what = `${actor}, replica ${replica.replica} of ${instance}`
  if (silentSince !== undefined) {
    const cause = "its process ended without a word, or is cut off"
    const cures = [
      { command: `sixfold start --instance ${quoted(instance)} …`, does: "start it again; forgotten after an hour" }
    ]
    return [{ actor, what, cause, since: silentSince, cures }]
  }
  const cure = trouble?.error === undefined ? undefined : errorCure(way, actor, trouble.error)
  const down: ReadonlyArray<Trouble> =
    state !== "failed" && state !== "waiting"
      ? []
      : [
          {
            actor,
            what: `${what}: ${state}`,
            cause: trouble?.cause ?? "see the log of its process",
            ...(trouble === undefined ? {} : { since: trouble.since }),
            cures: [...(cure === undefined ? [] : [cure]), restart(way, actor, replica)]
          }
        ]
  return [
    ...down,
    ...partitions.flatMap((partition) => {
      const { count, keys } = partition.stuck ?? { count: 0, keys: [] }
      const told = keys.map((key) => keyTrouble(way, actor, key))
      const more = count - keys.length
      const rest: ReadonlyArray<Trouble> =
        more === 0
          ? []
          : [
              {
                actor,
                what: `${actor}, partition ${partition.partition}`,
                cause: `${more} more keys are held or paused`,
                cures: []
              }
            ]
      return [...told, ...rest, ...heldTrouble(way, actor, replica, partition)]
    })
  ]
}

const letterTroubles = (
  way: Way,
  { deadLetters, kind, name, oldestDeadLetter }: ActorStatus
): ReadonlyArray<Trouble> => {
  if (deadLetters === 0) return []
  const command = (action: string) => `sixfold dead-letters ${quoted(name)} ${action}${flagsOf(way)}`
  const path = `/dead-letters/${encodeURIComponent(name)}/replay`
  const replay: ReadonlyArray<Cure> =
    kind === "projection" ? [] : [{ command: command("replay"), does: "handle them again", path }]
  return [
    {
      actor: name,
      what: `${name}, ${deadLetters} dead letter${deadLetters === 1 ? "" : "s"}`,
      cause: "given up; the letters say why",
      ...(oldestDeadLetter === undefined ? {} : { since: oldestDeadLetter }),
      cures: [
        { command: command("list"), does: "show them" },
        ...replay,
        { command: command("discard --all"), does: "give them up for good" }
      ]
    }
  ]
}

/** ISO 8601 sorts as text; what nobody knows the time of comes last. */
const longestFirst = ({ since: a = "~" }: Trouble, { since: b = "~" }: Trouble): number => (a < b ? -1 : a > b ? 1 : 0)

/** Whatever of these actors needs a hand, and the commands that give it; the longest first within an actor. */
export const troublesOf = (way: Way, actors: ReadonlyArray<ActorStatus>): ReadonlyArray<Trouble> =>
  actors.flatMap((actor) => {
    const { kind, name, replicas } = actor
    const heard = replicas.filter(({ silentSince }) => silentSince === undefined)
    const nowhere: ReadonlyArray<Trouble> =
      kind === "routes" || heard.length > 0
        ? []
        : [
            {
              actor: name,
              what: name,
              cause: "it runs in no process",
              cures: [{ command: `sixfold start --actors ${quoted(name)} …`, does: "run it" }]
            }
          ]
    return [
      ...nowhere,
      ...replicas.flatMap((replica) => replicaTroubles(way, name, replica)).toSorted(longestFirst),
      ...letterTroubles(way, actor)
    ]
  })
