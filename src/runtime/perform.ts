import { Cause, Context, Duration, Effect, Layer, Result } from "effect"
import type { Scope } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import { noHeaders } from "../kafka/records.ts"
import type { Header } from "../kafka/records.ts"
import { attempt, failed, giveUp } from "./attempt.ts"
import type { Attempt, Outcome } from "./attempt.ts"
import type { Cell } from "./cell.ts"
import type { StateCodec } from "./codec.ts"
import { RecordRefused, TimedOut } from "./errors.ts"
import type { Run } from "./run.ts"
import { isTraced, traced, traceHeaders } from "./tracing.ts"

/** What a replica needs to know to run any task. */
export interface Performance {
  readonly definition: ActorDefinition
  readonly codec: StateCodec
  /** Idempotency keys of turns whose records the broker refused, until their dead letter is settled: a replay may try again. */
  readonly refused: ReadonlySet<string>
}

/** Runs one task of a key: decodes, calls the handler, applies the actor's decisions. Never fails. */
export const perform = (
  performance: Performance,
  run: Run,
  timedOut: boolean
): Effect.Effect<Outcome, never, unknown> => {
  const { codec, definition, refused } = performance
  const { task } = run
  const key = definition.inbox.codec.keyFrom(run.cell.key)
  if (Result.isFailure(key)) return Effect.succeed(unreadable(run.cell, "key", key.failure))
  const state = Result.try(() => codec.stateOf(run.cell))
  if (Result.isFailure(state)) return Effect.succeed(unreadable(run.cell, "state", state.failure))
  const incoming = task._tag === "Message" ? traceHeaders(task.message.headers) : noHeaders
  const self = (handler: Attempt["handler"], headers: ReadonlyArray<Header>) =>
    new PerformedAttempt(performance, run, key.success, handler, headers)
  if (timedOut) {
    const after = Duration.format(Duration.fromInputUnsafe(definition.timeout))
    return failed(self(Effect.succeed, incoming), Cause.die(new TimedOut({ after })))
  }
  if (refused.size > 0 && refused.has(run.id)) {
    return failed(self(Effect.succeed, incoming), Cause.fail(new RecordRefused()), giveUp)
  }
  const handler = handlerOf(definition, run)
  if (Result.isFailure(handler)) return failed(self(Effect.succeed, incoming), Cause.fail(handler.failure), giveUp)
  if (!isTraced(run.fiber)) return attempt(self(handler.success, incoming))
  return traced(
    `${definition.name} ${task._tag === "Timer" ? task.name : "message"}`,
    {
      "sixfold.actor": definition.name,
      "sixfold.key": run.cell.key,
      "sixfold.message": run.id,
      attempt: task.attempt
    },
    incoming,
    (headers) => attempt(self(handler.success, headers))
  )
}

/** The handler of the timer, or that of the message with the message decoded; the failure: it cannot be. */
const handlerOf = ({ handlers, inbox }: ActorDefinition, { task }: Run): Result.Result<Attempt["handler"], unknown> => {
  if (task._tag === "Timer") return Result.succeed(handlers.timer![task.name]!)
  const { headers, origin, value } = task.message
  if (origin !== undefined && "timer" in origin.source) return Result.succeed(handlers.timer![origin.source.timer]!)
  const message = inbox.codec.decodeValue(value, headers)
  if (Result.isFailure(message)) return Result.fail(message.failure)
  return Result.succeed((state, turn) => handlers.message(state, message.success, turn))
}

/** An attempt of a running task. */
class PerformedAttempt implements Attempt {
  readonly key: unknown
  readonly handler: Attempt["handler"]
  readonly headers: ReadonlyArray<Header>
  private readonly performance: Performance
  private readonly run: Run

  constructor(
    performance: Performance,
    run: Run,
    key: unknown,
    handler: Attempt["handler"],
    headers: ReadonlyArray<Header>
  ) {
    this.performance = performance
    this.run = run
    this.key = key
    this.handler = handler
    this.headers = headers
  }

  get definition() {
    return this.performance.definition
  }
  get state() {
    return this.performance.codec.stateOf(this.run.cell)
  }
  get encode() {
    return this.performance.codec.encode
  }
  get attempt() {
    return this.run.task.attempt
  }
  get idempotencyKey() {
    return this.run.id
  }
  get now() {
    return this.run.since
  }
  get source() {
    return this.run.source
  }
  get isLast() {
    return this.run.isLast
  }
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
