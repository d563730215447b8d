import { quoted } from "../actor/printable.ts"
import type { ActorStatus, ReplicaStatus } from "../supervision/actors.ts"
import type { PartitionStatus } from "../supervision/child.ts"

/** A command, and what it does. */
export interface Cure {
  readonly command: string
  readonly does: string
  /** The path to POST to that does the same on this server, where there is one. */
  readonly path?: string
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

export const flagsOf = ({ isOther, tokenFile, url }: Way): string =>
  `${isOther ? ` --url ${quoted(url.origin)}` : ""}${tokenFile === undefined ? "" : ` --token-file ${quoted(tokenFile)}`}`

const bearerOf = ({ tokenFile }: Way): string =>
  tokenFile === undefined ? "" : ` -H "Authorization: Bearer $(cat ${quoted(tokenFile)})"`

/** No address has it as a part: clients and proxies would read another path. */
const isOdd = (key: string): boolean => key === "" || key === "." || key === ".." || key.includes("\0")

export const keyCure = (way: Way, actor: string, op: string, key: string, does: string): Cure => {
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

export const restart = (way: Way, actor: string, { instance }: ReplicaStatus): Cure => {
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

/** Kafka's own tool; the cause names the offset. A group is changed only while nobody is in it. */
const commit = (actor: string, to: string, does: string): Cure => ({
  command: `kafka-consumer-groups.sh … --group APP.${quoted(actor)} --topic TOPIC:PARTITION --reset-offsets ${to} --execute`,
  does: `its processes stopped, ${does}`
})

/** Kafka's own tool; it names the start offset of what is open. */
export const endTransaction = (topic: string, partition: string): Cure => {
  const at = `--topic ${quoted(topic)} --partition ${partition}`
  return {
    command: `kafka-transactions.sh … describe-producers ${at}; kafka-transactions.sh … abort ${at} --start-offset OFFSET`,
    does: "end the transaction that nobody ends"
  }
}

/** What holds a partition, by what it waits for. */
export const holderCures = (kind: ActorStatus["kind"], { by, key }: Held, partition: number): ReadonlyArray<Cure> => {
  if (by === "inbox") return [topics("ask the brokers"), endTransaction(key, String(partition))]
  if (by !== "transaction" || kind !== "projection") return []
  const query = "SELECT pid, state, query FROM pg_stat_activity"
  return [{ command: `psql DATABASE -c ${quoted(query)}`, does: "see who holds what it waits for" }]
}

type Held = NonNullable<PartitionStatus["held"]>
type Down = NonNullable<ReplicaStatus["trouble"]>

/** What people do about an error, by its tag and reason. What else the brokers refuse is asked of them. */
export const errorCure = (way: Way, actor: string, { error = "", key = "" }: Down): Cure | undefined => {
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
        does: "its processes stopped, begin anew in the new topic: its state goes, and its changelog is made again"
      }
    case "ReplicaError/RestoreStalled":
      return endTransaction(`${actor}.state`, "PARTITION")
    case "ReplicaError/PartitionsChanged":
      return topics("see both numbers; a new topic and a new name for the actor take the other one")
    case "ReplicaError/MemoryExceeded":
      return {
        command: `Actor.make(${quoted(actor)}, { memory: … })`,
        does: "raise its limit in the code, or store less"
      }
    case "ReplicaError/Escalated":
      return keyCure(way, actor, "pause", key, "let the others go on, mend what the cause says, resume")
    case "SqlError/ConnectionError":
      return { command: "pg_isready -d DATABASE", does: "ask the database; it goes on once it answers" }
    case "SqlError/AuthenticationError":
    case "SqlError/AuthorizationError":
      return { command: "psql DATABASE", does: "log in as the program does, and grant what it lacks" }
    case "SqlError/SqlSyntaxError":
      return rebuild(way, actor)
    default:
      return error.startsWith("KafkaError/") ? topics("see what the brokers have, or refuse") : undefined
  }
}
