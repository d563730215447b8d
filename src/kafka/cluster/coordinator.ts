import { Effect } from "effect"
import { KafkaError } from "../errors.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import type { Broker, ConnectionError, Connections } from "./connections.ts"
import { findCoordinator } from "./metadata-api.ts"
import type { CoordinatorKey } from "./metadata-api.ts"
import type { Metadata } from "./metadata.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"

/** The broker that coordinates a group or a transactional id: found when first needed, and again once `moved`. */
export interface Coordinator {
  /** One look for it. */
  readonly find: Effect.Effect<Broker, ConnectionError | KafkaError>
  /** Looks until it is found; `patience` in milliseconds. */
  readonly await: (patience: number) => Effect.Effect<Broker, KafkaError>
  /** It was not the one, or does not answer. */
  readonly moved: () => void
}

const away = (what: string) => new KafkaError({ reason: "Unavailable", message: `${what} is not available` })

export const make = (metadata: Metadata, connections: Connections, key: CoordinatorKey): Coordinator => {
  const what = `coordinator of ${key.type} ${key.key}`
  let known: Broker | undefined

  const find = Effect.gen(function* () {
    if (known !== undefined) return known
    const answer = yield* connections.request(metadata.any(), findCoordinator, key)
    const found = answer.coordinators[0]
    const error = errorName(found?.errorCode ?? 15)
    if (found === undefined || isTransient(error)) return yield* away(what)
    if (error !== "NONE") return yield* refused(error, what)
    return (known = { host: found.host, port: found.port })
  })

  return {
    find,
    await: (patience) =>
      retrying(patience, () =>
        find.pipe(
          Effect.map((broker): Attempt<Broker> => done(broker)),
          Effect.catchIf(
            (error) => error._tag === "KafkaError" && error.reason === "Unavailable",
            (error) => Effect.succeed(again(error as KafkaError))
          )
        )
      ),
    moved: () => {
      known = undefined
    }
  }
}
