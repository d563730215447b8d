import type { DateTime, Duration, Effect, Layer, Scope } from "effect"
import type { Decision, Decisions, Verdict } from "./decision.ts"
import type { AnyTopic, Plain, Topic } from "./topic.ts"
import type { Turn } from "./turn.ts"

/** What could not be handled: undecodable bytes, a defect, a time-out, an error given up on. */
export interface DeadLetter {
  /** Stable: the message's idempotency key. */
  readonly id: string
  readonly cause: string
  readonly attempts: number
  readonly source:
    | { readonly topic: string; readonly partition: number; readonly offset: number }
    | { readonly timer: string; readonly due: DateTime.Utc }
}

/**
 * What an actor does: one handler for messages, one for each of its timers, one for its dead letters. A handler takes the state and
 * answers the next; what it does besides goes through `turn`, and is settled with the state or not at all. It may run more than once for
 * a message (after a failure, a crash, a move), so what it does outside of the log needs `turn.idempotencyKey`.
 */
export type Handlers<K, M, S, Timer extends string> = {
  /**
   * The next state, as a new value: one that is changed in place is not written, and a failed attempt would leave its changes behind. Its
   * Effect may fail with tagged errors, and use any service the topology provides; what it acquires in its `Scope` is released when the
   * turn is over.
   */
  readonly message: (state: S, message: M, turn: Turn<K, Timer>) => Effect.Effect<S, any, any>
  /** A turn of its own, settled together with the dead letter. */
  readonly deadLetter?: (state: S, letter: DeadLetter, turn: Turn<K, Timer>) => Effect.Effect<S, never, any>
} & ([Timer] extends [never]
  ? { readonly timer?: never }
  : { readonly timer: { readonly [T in Timer]: (state: S, turn: Turn<K, Timer>) => Effect.Effect<S, any, any> } })

type Returned<H> = H extends { readonly message: (...a: any) => infer X }
  ? | X
    | (H extends { readonly deadLetter: (...a: any) => infer D } ? D : never)
    | (H extends { readonly timer: infer T } ? (T[keyof T] extends (...a: any) => infer Y ? Y : never) : never)
  : never
type ErrorOf<X> = X extends Effect.Effect<any, infer E, any> ? E : never
type ServicesOf<X> = X extends Effect.Effect<any, any, infer R> ? Exclude<R, Scope.Scope> : never

/** A keyed actor. Its handlers, decisions and resources are in `definition`, without their types: they were checked when it was made. */
export interface Actor<out K, out M, out S, out E, out R> {
  readonly kind: "keyed"
  readonly name: string
  readonly definition: ActorDefinition
  readonly "~types": {
    readonly key: () => K
    readonly message: () => M
    readonly state: () => S
    readonly error: () => E
    readonly services: () => R
  }
}
/** An actor of whatever types: what a list of actors holds. */
export interface AnyActor extends Actor<any, any, any, any, any> {}

type Handle = (state: unknown, turn: Turn<unknown, string>) => Effect.Effect<unknown, unknown, unknown>

/** An actor without its types: what the runtime works with. */
export interface ActorDefinition {
  readonly name: string
  readonly inbox: AnyTopic
  readonly emits: ReadonlyArray<AnyTopic>
  /** Absent: stateless. */
  readonly state?: { readonly schema: Plain<unknown>; readonly initial: unknown }
  readonly timers: ReadonlyArray<string>
  readonly timeout: Duration.Input
  /** Bytes. */
  readonly memory?: number
  /** Outputs and offsets without transactions, and nothing parked. */
  readonly isAtLeastOnce: boolean
  readonly handlers: {
    readonly message: (state: unknown, message: unknown, turn: Turn<unknown, string>) => ReturnType<Handle>
    readonly deadLetter?: (state: unknown, letter: DeadLetter, turn: Turn<unknown, string>) => ReturnType<Handle>
    readonly timer?: Readonly<Record<string, Handle>>
  }
  readonly decisions: Readonly<Record<string, Verdict | Decision<unknown, unknown, unknown, string, unknown>>>
  /** Built once per replica, scoped to it. */
  readonly resources: ReadonlyArray<Layer.Layer<never, unknown, never>>
}

/** An actor whose typed errors are not decided on yet: no `Actor`, and `Topology.make` refuses it. */
export interface Undecided<K, M, S, Timer extends string, E, R> {
  errors<DR = never>(decisions: Decisions<E, S, K, Timer, DR>): Actor<K, M, S, E, R | DR>
}

/** An actor, where its handlers cannot fail; else one that waits for its decisions (`errors`). */
export type Handled<K, M, S, Timer extends string, E, R> = [E] extends [never]
  ? Actor<K, M, S, never, R>
  : Undecided<K, M, S, Timer, E, R>

/** An actor that handles its messages at least once: without storage of its own it can neither retry nor hold a message. */
export interface DeclaredOnce<K, M> {
  readonly name: string
  handle<const H extends Handlers<K, M, void, never>>(
    handlers: H
  ): [ErrorOf<Returned<H>>] extends [never]
    ? Actor<K, M, void, never, ServicesOf<Returned<H>>>
    : UndecidedOnce<K, M, ErrorOf<Returned<H>>, ServicesOf<Returned<H>>>
}

export interface UndecidedOnce<K, M, E, R> {
  errors(decisions: {
    readonly [T in keyof Decisions<E, void, K, never, never>]: Exclude<Verdict, "hold">
  }): Actor<K, M, void, E, R>
}

/** An actor without handlers yet: what `Actor.make` answers. */
export interface Declared<K, M, S, Timer extends string> {
  readonly name: string
  /** The handlers. Where they can fail with typed errors, `errors` is demanded next: a decision for each. */
  handle<const H extends Handlers<K, M, S, Timer>>(
    handlers: H
  ): Handled<K, M, S, Timer, ErrorOf<Returned<H>>, ServicesOf<Returned<H>>>
}

interface Common<K, M> {
  /** The one topic it consumes. */
  readonly inbox: Topic<K, M>
  /** Topics it writes to, for the topology's picture and the check at start. What is missing here is created at first use. */
  readonly emits?: ReadonlyArray<AnyTopic>
  /** How long one attempt may take. Default 5 minutes; then it counts as failed. */
  readonly timeout?: Duration.Input
  /**
   * Most bytes of encoded state, of all keys; each partition has its equal share. Beyond it the replica fails by name
   * (`MemoryExceeded`). Default: no limit.
   */
  readonly memory?: number
}

interface Make {
  <K, M, S, const Timer extends string = never>(
    name: string,
    spec: Common<K, M> & {
      readonly state: Plain<S>
      readonly initial: NoInfer<S>
      readonly timers?: ReadonlyArray<Timer>
      readonly guarantee?: "exactly-once"
    }
  ): Declared<K, M, S, Timer>
  <K, M>(
    name: string,
    spec: Common<K, M> & { readonly state?: never; readonly timers?: never; readonly guarantee?: "exactly-once" }
  ): Declared<K, M, void, never>
  /**
   * Stateless, and without transactions: outputs are produced, then the offset is committed. A crash in between repeats both.
   * Only here, since without a transaction nothing fences a stale owner's write to state.
   */
  <K, M>(
    name: string,
    spec: Common<K, M> & { readonly state?: never; readonly timers?: never; readonly guarantee: "at-least-once" }
  ): DeclaredOnce<K, M>
}

interface AnySpec extends Common<any, any> {
  readonly state?: Plain<any>
  readonly initial?: unknown
  readonly timers?: ReadonlyArray<string>
  readonly guarantee?: "exactly-once" | "at-least-once"
}

const actor = (definition: ActorDefinition): AnyActor =>
  ({ kind: "keyed", name: definition.name, definition }) as AnyActor

/**
 * An actor in three steps, so that the compiler infers the handlers' errors whole before it demands a decision for each:
 * `Actor.make(name, spec).handle(handlers).errors(decisions)`; the last only where handlers can fail.
 */
const make = ((name: string, spec: AnySpec) => ({
  name,
  handle: (handlers: ActorDefinition["handlers"]): any => {
    const definition: ActorDefinition = {
      name,
      inbox: spec.inbox,
      emits: spec.emits ?? [],
      ...(spec.state === undefined ? {} : { state: { schema: spec.state, initial: spec.initial } }),
      timers: spec.timers ?? [],
      timeout: spec.timeout ?? "5 minutes",
      isAtLeastOnce: spec.guarantee === "at-least-once",
      ...(spec.memory === undefined ? {} : { memory: spec.memory }),
      handlers,
      decisions: {},
      resources: []
    }
    // An actor without typed errors is complete; the type says which of the two it is.
    return {
      ...actor(definition),
      errors: (decisions: ActorDefinition["decisions"]) => actor({ ...definition, decisions })
    }
  }
})) as Make

/** Gives an actor a resource of its own: the layer is built once per replica and closed with it. */
const provide =
  <Out, LE, In>(layer: Layer.Layer<Out, LE, In>) =>
  <K, M, S, E, R>(self: Actor<K, M, S, E, R>): Actor<K, M, S, E, Exclude<R, Out> | In> =>
    actor({ ...self.definition, resources: [...self.definition.resources, layer as never] })

/**
 * - `make(name, spec).handle(handlers).errors(decisions)`: an actor, in steps, so that the compiler infers the handlers' errors whole
 *   before it demands a decision for each; `errors` only where handlers can fail.
 * - `provide(layer)(actor)`: gives an actor a resource of its own; the layer is built once per replica and closed with it.
 *
 * @example
 * const greeter = Actor.make("greeter", { inbox: visits, state: Schema.Int, initial: 0 }).handle({
 *   message: Effect.fnUntraced(function* (count, visit, turn) {
 *     yield* turn.emit(greetings, turn.key, { text: `visit ${count + 1}` })
 *     return count + 1
 *   })
 * })
 */
export const Actor = { make, provide }
