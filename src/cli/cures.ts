import type { ActorStatus, ReplicaStatus } from "../supervision/actors.ts"
import type { PartitionStatus } from "../supervision/child.ts"
import { printable, quoted } from "../actor/printable.ts"
import { errorCure, flagsOf, holderCures, keyCure, restart } from "./cure.ts"
import type { Cure, Way } from "./cure.ts"

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

const isPaused = (cause: string): boolean => cause === "paused by an operator"

const keyTrouble = (way: Way, actor: string, { cause, key, since }: NonNullable<PartitionStatus["held"]>): Trouble => ({
  actor,
  what: `${actor}, key ${printable(JSON.stringify(key))}`,
  cause,
  since,
  cures: isPaused(cause)
    ? [
        keyCure(way, actor, "resume", key, "let it go on"),
        keyCure(way, actor, "skip", key, "move its first message to the dead letters")
      ]
    : [
        keyCure(way, actor, "resume", key, "try it again"),
        keyCure(way, actor, "skip", key, "move it to the dead letters, and go on")
      ]
})

/** What holds a partition and is no key that waits for an operator. */
const heldTrouble = (
  way: Way,
  { kind, name: actor }: ActorStatus,
  replica: ReplicaStatus,
  { held, partition, topic }: PartitionStatus
) => {
  if (held?.by === undefined) return []
  const isKey = held.by === "handler" || held.by === "worker"
  const what = isKey ? `key ${printable(JSON.stringify(held.key))}` : `${held.by} ${printable(held.key)}`
  const place = `${topic === undefined ? "" : `${topic}/`}${partition}`
  const { cause, since } = held
  const cures = [...holderCures(kind, held, partition), restart(way, actor, replica)]
  return [{ actor, what: `${actor}, ${what} (partition ${place})`, cause, since, cures }]
}

const replicaTroubles = (way: Way, of: ActorStatus, replica: ReplicaStatus): ReadonlyArray<Trouble> => {
  const actor = of.name
  const { instance, partitions, silentSince, state, trouble } = replica
  const what = `${actor}, replica ${replica.replica} of ${instance}`
  if (silentSince !== undefined) {
    const cause = "its process ended without a word, or is cut off"
    const cures = [
      { command: `sixfold start --instance ${quoted(instance)} …`, does: "start it again; forgotten after an hour" }
    ]
    return [{ actor, what, cause, since: silentSince, cures }]
  }
  const cure = trouble === undefined ? undefined : errorCure(way, actor, trouble)
  const down: ReadonlyArray<Trouble> =
    state !== "failed" && state !== "waiting" && (trouble === undefined || state === "draining" || state === "stopped")
      ? []
      : [
          {
            actor,
            what: `${what}: ${state}${trouble?.key === undefined ? "" : `, key ${printable(JSON.stringify(trouble.key))}`}`,
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
                cause: `${more} more ${more === 1 ? "key is" : "keys are"} held or paused`,
                cures: []
              }
            ]
      return [...told, ...rest, ...heldTrouble(way, of, replica, partition)]
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
      ...replicas.flatMap((replica) => replicaTroubles(way, actor, replica)).toSorted(longestFirst),
      ...letterTroubles(way, actor)
    ]
  })
