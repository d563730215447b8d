import { Cause, Context, Duration, Effect, Layer, Result } from "effect"
import type { Scope } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import { attempt, failed, giveUp, giveUpQuietly } from "./attempt.ts"
import type { Attempt, Outcome } from "./attempt.ts"
import type { Cell, Task } from "./cell.ts"
import { RecordRefused, TimedOut, TimerUnknown } from "./errors.ts"
import type { Run } from "./run.ts"
import { isTraced, traced, traceHeaders } from "./tracing.ts"

/** Runs one task of a key: decodes, calls the handler, applies the actor's decisions. Never fails. */
export const perform = (run: Run): Effect.Effect<Outcome, never, unknown> => {
  const { at, performance, task } = run
  const { codec, definition, refused } = performance
  const key = definition.inbox.codec.keyFrom(at.cell.key)
  if (Result.isFailure(key)) return Effect.succeed(unreadable(at.cell, "key", key.failure))
  const state = codec.decode(at.cell)
  if (Result.isFailure(state)) return Effect.succeed(unreadable(at.cell, "state", state.failure))
  run.key = key.success
  run.state = state.success
  if (task._tag === "Message") run.headers = traceHeaders(task.message.headers)
  if (run.isLate) {
    const after = Duration.format(Duration.fromInputUnsafe(definition.timeout))
    const cause = task.isOwn === true ? new Error("the handler interrupted its own fiber") : new TimedOut({ after })
    return failed(run, Cause.die(cause), task.isQuiet === true ? giveUpQuietly : undefined)
  }
  const refusals = refused.none ? 0 : refused.times(run.idempotencyKey)
  // The second time it is the dead letter that was refused: what the actor's own turn adds to it is left out.
  if (refusals > 0) return failed(run, Cause.fail(new RecordRefused()), refusals > 1 ? giveUpQuietly : giveUp)
  const handler = handlerOf(definition, task)
  if (Result.isFailure(handler)) return failed(run, Cause.fail(handler.failure), giveUp)
  run.handler = handler.success
  return isTraced(run.fiber) ? spanned(run) : attempt(run)
}

const spanned = (run: Run): Effect.Effect<Outcome, never, unknown> => {
  const { at, task } = run
  const name = `${run.definition.name} ${task._tag === "Timer" ? task.name : "message"}`
  const attributes = {
    "sixfold.actor": run.definition.name,
    "sixfold.key": at.cell.key,
    "sixfold.message": run.idempotencyKey,
    attempt: task.attempt
  }
  return traced({ name, attributes, headers: run.headers, failure }, (headers) => {
    run.headers = headers
    return attempt(run)
  })
}

/** An error that its actor ignores is none. */
const failure = ({ ending }: Outcome): string | undefined =>
  ending._tag === "Settled" || ending._tag === "Ignored" ? undefined : ending.cause

/** The handler of the timer, or that of the message with the message decoded; the failure: it cannot be, or the timer is an older program's. */
const handlerOf = ({ handlers, inbox }: ActorDefinition, task: Task): Result.Result<Attempt["handler"], unknown> => {
  const timer = (name: string) =>
    Result.fromNullishOr(handlers.timer?.[name], () => new TimerUnknown({ message: `no handler for timer ${name}` }))
  if (task._tag === "Timer") return timer(task.name)
  const { headers, origin, value } = task.message
  if (origin !== undefined && "timer" in origin.source) return timer(origin.source.timer)
  const message = inbox.codec.decodeValue(value, headers)
  if (Result.isFailure(message)) return Result.fail(message.failure)
  return Result.succeed((state, turn) => handlers.message(state, message.success, turn))
}

/** A key or a state that this program cannot read waits for an operator or a newer program: neither lost nor overwritten. */
const unreadable = (cell: Cell, what: "key" | "state", cause: unknown): Outcome => ({
  state: cell.state,
  json: cell.json ?? null,
  emitted: [],
  reported: [],
  timers: undefined,
  headers: [],
  ending: { _tag: "Hold", cause: `the ${what} cannot be decoded: ${String(cause)}` }
})

/** Builds the actor's own resources, the last provided first, each over those after it. */
export const resources = Effect.fnUntraced(function* (
  definition: ActorDefinition
): Effect.fn.Return<Context.Context<never>, unknown, Scope.Scope> {
  const scope = yield* Effect.scope
  let context = yield* Effect.context<never>()
  for (const layer of definition.resources.toReversed()) {
    const built = yield* Effect.provideContext(Layer.buildWithScope(layer, scope), context)
    context = Context.merge(context, built)
  }
  return context
})
