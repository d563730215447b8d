import { Cause, Context, Duration, Effect, Layer, Result } from "effect"
import type { Scope } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import type { Header } from "../kafka/records.ts"
import { attempt, failed, giveUp } from "./attempt.ts"
import type { Attempt, Outcome } from "./attempt.ts"
import type { Cell, Task } from "./cell.ts"
import type { StateCodec } from "./codec.ts"
import { RecordRefused, TimedOut } from "./errors.ts"
import type { Partition } from "./partition.ts"
import { idempotencyKey, sourceOf } from "./identity.ts"
import { traced, traceHeaders } from "./tracing.ts"

const utf8 = new TextEncoder()

/** A message that has been retried for longer, in milliseconds, is given up on: 7 days, as long as an inbox keeps it by default. */
const longestWait = 7 * 86_400_000

/** What a replica needs to know to run any task. */
export interface Performance {
  readonly definition: ActorDefinition
  readonly codec: StateCodec
  /** Idempotency keys of turns whose records the broker refused, until their dead letter is settled: a replay may try again. */
  readonly refused: ReadonlySet<string>
}

/** Runs one task of a key: decodes, calls the handler, applies the actor's decisions. Never fails. */
export const perform = (
  { codec, definition, refused }: Performance,
  partition: Partition,
  cell: Cell,
  task: Task,
  timedOut: boolean
): Effect.Effect<Outcome, never, unknown> =>
  Effect.suspend(() => {
    const now = cell.running!.since
    const state = Result.try(() => codec.stateOf(cell))
    if (Result.isFailure(state)) return Effect.succeed(unreadable(cell, state.failure))
    const id = idempotencyKey(partition, cell, task)
    const self = (handler: Attempt["handler"], headers: ReadonlyArray<Header> = []): Attempt => ({
      definition,
      key: Result.getOrThrow(definition.inbox.codec.decodeKey(utf8.encode(cell.key))),
      attempt: task.attempt,
      idempotencyKey: id,
      now,
      headers,
      state: state.success,
      source: sourceOf(partition, task),
      isLast: task._tag === "Message" && cell.wait !== undefined && now - cell.wait.since > longestWait,
      handler,
      encode: codec.encode
    })
    const incoming = task._tag === "Message" ? traceHeaders(task.message.headers) : []
    const run = (handler: Attempt["handler"]) =>
      traced(
        `${definition.name} ${task._tag === "Timer" ? task.name : "message"}`,
        () => ({
          "sixfold.actor": definition.name,
          "sixfold.key": cell.key,
          "sixfold.message": id,
          attempt: task.attempt
        }),
        incoming,
        (headers) => attempt(self(handler, headers))
      )
    const nothing = self(Effect.succeed, incoming)
    if (timedOut)
      return failed(
        nothing,
        Cause.die(new TimedOut({ after: Duration.format(Duration.fromInputUnsafe(definition.timeout)) }))
      )
    if (refused.has(id)) return failed(nothing, Cause.fail(new RecordRefused()), giveUp)
    if (task._tag === "Timer") return run(definition.handlers.timer![task.name]!)
    const source = task.message.origin?.source
    if (source !== undefined && "timer" in source) return run(definition.handlers.timer![source.timer]!)
    const message = definition.inbox.codec.decodeValue(task.message.value)
    if (Result.isFailure(message)) return failed(nothing, Cause.fail(message.failure), giveUp)
    return run((state, turn) => definition.handlers.message(state, message.success, turn))
  })

/** State that this program cannot read waits for an operator or a newer program: neither lost nor overwritten. */
const unreadable = (cell: Cell, cause: unknown): Outcome => ({
  state: cell.state,
  bytes: cell.bytes ?? null,
  emitted: [],
  reported: [],
  timers: undefined,
  ending: { _tag: "Hold", cause: `the state cannot be decoded: ${String(cause)}` }
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
