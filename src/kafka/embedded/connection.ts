import { Data, Effect, Latch } from "effect"
import type { Absence } from "../away.ts"
import { KafkaError } from "../errors.ts"
import type { BrokerRequest, FaultHook } from "./faults.ts"

/** The request may have happened or not, or may happen later. */
export class Unanswered extends Data.TaggedError("Unanswered") {}

/** The hook, shared by all clients; absent most of the time. */
export interface Faults {
  hook: FaultHook | undefined
}

/**
 * What stands between one client (a process) and the broker: it can be frozen (nothing is sent or heard until the
 * thaw) or crash (never again), and every request passes the fault hook.
 */
export class Connection {
  readonly client: string
  readonly #faults: Faults
  readonly #up = Latch.makeUnsafe(true)
  readonly #fork: (effect: Effect.Effect<unknown>) => void
  status: "up" | "frozen" | "crashed" = "up"

  constructor(client: string, faults: Faults, fork: (effect: Effect.Effect<unknown>) => void) {
    this.client = client
    this.#faults = faults
    this.#fork = fork
  }

  /** Nothing interferes: requests may take their short path. */
  get isPlain(): boolean {
    return this.status === "up" && this.#faults.hook === undefined
  }

  freeze(): void {
    if (this.status !== "up") return
    this.status = "frozen"
    this.#up.closeUnsafe()
  }

  thaw(): void {
    if (this.status !== "frozen") return
    this.status = "up"
    this.#up.openUnsafe()
  }

  crash(): void {
    this.status = "crashed"
    this.#up.closeUnsafe()
  }

  /** Waits while the client is frozen; after a crash for ever. */
  readonly alive: Effect.Effect<void> = Effect.suspend(() => (this.status === "up" ? Effect.void : this.#up.await))

  /** Sends a request: `apply` is what happens at the broker. */
  perform<A, E>(
    request: Omit<BrokerRequest, "client">,
    apply: Effect.Effect<A, E>
  ): Effect.Effect<A, E | KafkaError | Unanswered> {
    return Effect.suspend(() => {
      const heard = Effect.tap(
        Effect.tapError(apply, () => this.alive),
        () => this.alive
      )
      if (this.isPlain) return heard
      return Effect.andThen(this.alive, this.#judged({ ...request, client: this.client }, heard))
    })
  }

  #judged<A, E>(request: BrokerRequest, apply: Effect.Effect<A, E>): Effect.Effect<A, E | KafkaError | Unanswered> {
    const { hook } = this.#faults
    if (hook === undefined) return apply
    const unanswered = Effect.fail(new Unanswered())
    return Effect.flatMap(hook(request), (verdict): Effect.Effect<A, E | KafkaError | Unanswered> => {
      if (verdict === "pass") return apply
      if (verdict === "fail") return Effect.andThen(this.alive, Effect.fail(unreachable(request)))
      if (verdict === "lose") return Effect.andThen(Effect.exit(apply), unanswered)
      if ("error" in verdict) return Effect.andThen(this.alive, Effect.fail(verdict.error))
      this.#fork(Effect.andThen(verdict.later, Effect.exit(apply)))
      return unanswered
    })
  }
}

const unreachable = ({ kind, subjects }: BrokerRequest) =>
  new KafkaError({ reason: "Unavailable", message: `no broker could be reached (${kind} ${subjects.join(", ")})` })

/** Milliseconds before a request is made again that nobody answered. */
const retryDelay = 100

/** Asks until somebody answers; the absence shows how long it has waited. */
export const persistent = <A>(
  absence: Absence,
  attempt: Effect.Effect<A, KafkaError | Unanswered>
): Effect.Effect<A, KafkaError> =>
  attempt.pipe(
    Effect.tap(() => Effect.sync(() => absence.answered())),
    Effect.catch((error) => {
      if (error._tag !== "Unanswered" && error.reason !== "Unavailable") return Effect.fail(error)
      absence.failed(error._tag === "Unanswered" ? "no broker answers" : error.message)
      return Effect.andThen(
        Effect.sleep(retryDelay),
        Effect.suspend(() => persistent(absence, attempt))
      )
    })
  )

/** For requests whose callers only hear that there was no answer. */
export const unanswered = (what: string) => (): Effect.Effect<never, KafkaError> =>
  Effect.fail(new KafkaError({ reason: "Unavailable", message: `no answer (${what}): it may have happened or not` }))
