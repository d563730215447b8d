import { Effect } from "effect"
import type { KafkaError } from "../errors.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import type { Lane } from "./lane.ts"
import type { Metadata } from "./metadata.ts"
import { initProducerId } from "./produce-api.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"

/** A producer id nobody had before, for an idempotent producer without transactions. Any broker gives it. */
export const fresh = (
  metadata: Metadata,
  connections: Connections,
  patience: number
): Effect.Effect<NonNullable<Lane["identity"]>, KafkaError> =>
  retrying(
    patience,
    Effect.fnUntraced(function* (): Effect.fn.Return<
      Attempt<NonNullable<Lane["identity"]>>,
      ConnectionError | KafkaError
    > {
      const answer = yield* connections.request(metadata.any(), initProducerId, {
        transactionalId: null,
        timeout: 60_000
      })
      const error = errorName(answer.errorCode)
      if (error === "NONE") return done({ producerId: answer.producerId, producerEpoch: answer.producerEpoch })
      const why = refused(error, "a producer id")
      return isTransient(error) ? again(why) : yield* why
    })
  )
