import type { Effect } from "effect"
import type { KafkaError } from "../errors.ts"

/**
 * What a client asks the broker for.
 *
 * - `produce`: a producer's send.
 * - `init`: a transactor takes its transactional id over.
 * - `write`, `end`: the two halves of a transaction: records and offsets, then the commit (or abort).
 * - `fetch`: one attempt of a poll; `read`: one record.
 * - `join`, `committed`, `commit`: a group member's.
 * - `topics`: administration.
 */
export type RequestKind =
  | "produce"
  | "init"
  | "write"
  | "end"
  | "fetch"
  | "read"
  | "join"
  | "committed"
  | "commit"
  | "topics"

export interface BrokerRequest {
  readonly kind: RequestKind
  /** The client it comes from: a process, in a simulation. */
  readonly client: string
  /** The topics, the group or the transactional id it is about. */
  readonly subjects: ReadonlyArray<string>
  /** Of `end`: whether it commits. */
  readonly commits?: boolean
}

/**
 * What becomes of a request.
 *
 * - `pass`: it happens and is answered.
 * - `fail`: it never reaches the broker.
 * - `lose`: it happens, and the answer is lost.
 * - `error`: the broker refuses it so; nothing happens.
 * - `later`: the client gets no answer; it happens once the effect is done (a request that was stuck on its way).
 *
 * To the client, `fail` at an `end`, `lose` and `later` look the same: unclear. A producer sends again by itself, with the same
 * sequence number; readers and members try again after 100 ms.
 */
export type Verdict =
  | "pass"
  | "fail"
  | "lose"
  | { readonly error: KafkaError }
  | { readonly later: Effect.Effect<void> }

/** Asked before every request; the request is held for as long as the effect takes. */
export type FaultHook = (request: BrokerRequest) => Effect.Effect<Verdict>
