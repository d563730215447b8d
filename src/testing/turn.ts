import { Clock, DateTime, Effect, Result } from "effect"
import type { Actor } from "../actor/actor.ts"
import type { StatusEvent } from "../actor/status.ts"
import type { When } from "../actor/turn.ts"
import { attempt } from "../runtime/attempt.ts"
import type { Attempt, Ending } from "../runtime/attempt.ts"
import * as Codec from "../runtime/codec.ts"

/** What one turn would settle. */
export interface Outcome<S> {
  readonly state: S
  readonly emitted: ReadonlyArray<{ readonly topic: string; readonly key: unknown; readonly value: unknown }>
  readonly reported: ReadonlyArray<{ readonly channel: string; readonly event: StatusEvent }>
  readonly timers: Readonly<Record<string, When | "cancelled">>
  readonly verdict: "settled" | "parked" | "dead-letter" | "hold" | "ignore" | "escalate"
  /** The error, where the verdict is not "settled". */
  readonly cause?: string
}

type Input<K, M, S> = {
  readonly key: K
  /** Default: the actor's initial state. */
  readonly state?: S
  /** Counts from 1, the default. */
  readonly attempt?: number
} & ({ readonly message: M } | { readonly timer: string })

const verdicts: Record<Ending["_tag"], Outcome<unknown>["verdict"]> = {
  Settled: "settled",
  Ignored: "ignore",
  Retry: "parked",
  DeadLetter: "dead-letter",
  Hold: "hold",
  Escalate: "escalate"
}

/**
 * One turn of an actor: no broker, no runtime, no clock but the test's. The handler runs as in production, with the actor's
 * decisions where it fails; what it emits goes through the topics' schemas and back.
 */
export const turn = <K, M, S, E, R>(
  { definition }: Actor<K, M, S, E, R>,
  input: Input<NoInfer<K>, NoInfer<M>, NoInfer<S>>
): Effect.Effect<Outcome<S>, never, R> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const timer = "timer" in input ? input.timer : undefined
    const due = DateTime.makeUnsafe(now)
    const handler: Attempt["handler"] | undefined =
      timer === undefined
        ? (state, turn) => definition.handlers.message(state, "message" in input ? input.message : undefined, turn)
        : definition.handlers.timer?.[timer]
    if (handler === undefined) return yield* Effect.die(new Error(`${definition.name} has no timer ${timer}`))
    const result = yield* Effect.scoped(
      attempt({
        definition,
        key: input.key,
        attempt: input.attempt ?? 1,
        idempotencyKey:
          timer === undefined
            ? `${definition.inbox.name}/0/0`
            : `${definition.name}/${String(input.key)}/${timer}/${DateTime.formatIso(due)}`,
        now,
        headers: [],
        state: "state" in input ? input.state : definition.state?.initial,
        source: timer === undefined ? { topic: definition.inbox.name, partition: 0, offset: 0 } : { timer, due },
        handler,
        encode: Codec.make(definition).encode
      })
    )
    const timers: Record<string, When | "cancelled"> = {}
    for (const [name, change] of result.timers ?? []) timers[name] = change === null ? "cancelled" : change.when
    return {
      state: result.state as S,
      emitted: result.emitted.map(({ declared, headers, key, value }) => ({
        topic: declared.name,
        key: Result.getOrThrow(declared.codec.decodeKey(key)) as unknown,
        value: Result.getOrThrow(declared.codec.decodeValue(value, headers)) as unknown
      })),
      reported: result.reported.map(({ channel, event }) => ({ channel, event })),
      timers,
      verdict: verdicts[result.ending._tag],
      ...(result.ending._tag === "Settled" ? {} : { cause: result.ending.cause })
    }
  }) as Effect.Effect<Outcome<S>, never, R>
