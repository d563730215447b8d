import { Cause, Clock, Deferred, Effect, Exit, Fiber, Predicate, Random, Schema, Scope } from "effect"
import { wordsOf } from "../actor/wordsOf.ts"
import { waitsFor } from "./child.ts"
import type { Child, ChildStatus, Down, Probe, State } from "./child.ts"
import { ending, failure } from "./ending.ts"
import { fresh, jittered, next, policy as defaultPolicy } from "./intensity.ts"
import type { History, Policy } from "./intensity.ts"

/** Another live process runs under the same instance name: it takes our transactional ids, and we would take them back for ever. */
export class SharedInstance extends Schema.TaggedError<SharedInstance>()("SharedInstance", {
  instance: Schema.String,
  actor: Schema.String,
  replica: Schema.Int
}) {
  override get message() {
    return `two processes share instance ${this.instance}: give each its own --instance (noticed by ${this.actor}, replica ${this.replica})`
  }
}

/** Restarts its children one for one. Closing its scope drains them, those started last first. */
export interface Supervisor {
  /** Starts the children without waiting for them. Those given together are drained together. */
  start<E, R>(children: ReadonlyArray<Child<E, R>>): Effect.Effect<void, never, Exclude<R, Scope.Scope>>
  /** Starts the actor's replicas anew at once, with a clean record; how many there are (none: not one of ours). */
  restart(actor: string): Effect.Effect<number>
  status(): ReadonlyArray<ChildStatus>
  /** The same without a drain, as after a crash. */
  crash(actor: string): Effect.Effect<number>
  /** Whether any child could go on without the clock. */
  readonly busy: Effect.Effect<boolean>
  /** Counts whatever moves. */
  progress(): number
  /** Waits for what no restart can cure; never succeeds. */
  readonly failed: Effect.Effect<never, SharedInstance>
}

interface Entry {
  readonly child: Pick<Child, "actor" | "kind" | "replica">
  /** One run in a scope of its own: what it opened is closed when it ends. */
  readonly run: (show: (probe: Probe) => void) => Effect.Effect<unknown, unknown>
  state: State
  probe: Probe | undefined
  restarts: number
  history: History
  trouble: Down | undefined
  /** When the present or last run began. */
  startedAt: number
  /** Completed by a restart by hand, which ends the present run or wait. */
  again: Deferred.Deferred<void>
}

/** How a run ended that somebody wanted anew. */
const startAnew = "start anew" as const

const statusOf = (
  { child: { actor, kind, replica }, probe, restarts, startedAt, state, trouble }: Entry,
  { period }: Policy,
  time: number
): ChildStatus => {
  const shown = probe?.status()
  const up = state === "running" ? (shown?.state ?? "starting") : state
  // What keeps failing at its restore is not well in between.
  const isTried = trouble !== undefined && time - startedAt < period
  const isWell = up === "running" || (up === "restoring" && !isTried)
  const down = isWell ? waitsFor(shown?.away, time) : trouble
  return {
    actor,
    kind,
    replica,
    state: isWell && down !== undefined ? "waiting" : up,
    partitions: shown?.partitions ?? [],
    restarts,
    ...(down && { trouble: { ...down, since: new Date(down.since).toISOString() } })
  }
}

const firstLine = (error: unknown): string =>
  (Predicate.isError(error) ? error.message || error.name : String(error)).split("\n", 1)[0]!

/** Why a run ended, in one line. */
const causeOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "it ended by itself" : wordsOf(Cause.squash(exit.cause), firstLine, 500)

/** One run, until it ends or somebody wants it anew; its interruption drains it. */
const runOnce = (entry: Entry) =>
  Effect.suspend(() => {
    entry.state = "running"
    // Suspended once more: what `run` throws itself is a crash of the child, not of its supervisor.
    const run = Effect.suspend(() =>
      entry.run((probe) => {
        entry.probe = probe
      })
    )
    return Effect.raceFirst(Effect.exit(run), Effect.as(Deferred.await(entry.again), startAnew))
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        entry.probe = undefined
      })
    )
  )

/** No ending is silent: the log names the replica and the cause. */
const report = (entry: Entry, level: "Warn" | "Error", message: string, exit: Exit.Exit<unknown, unknown>) =>
  Effect.logWithLevel(level)(message, Exit.isFailure(exit) ? exit.cause : "it ended by itself").pipe(
    // A logger that looks at the error may be thrown at.
    Effect.catchDefect(() => Effect.logWithLevel(level)(message, causeOf(exit))),
    Effect.annotateLogs({ actor: entry.child.actor, replica: entry.child.replica })
  )

/** Waits, unless somebody wants a restart at once. */
const pause = (entry: Entry, delay: number) =>
  Effect.flatMap(Random.next, (random) => Effect.timeoutOption(Deferred.await(entry.again), jittered(delay, random)))

export const make = Effect.fnUntraced(function* (options: {
  readonly instance: string
  readonly policy?: Partial<Policy>
}) {
  const policy = { ...defaultPolicy, ...options.policy }
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const entries: Array<Entry> = []
  const failed = yield* Deferred.make<never, SharedInstance>()

  const forgive = (entry: Entry) => {
    entry.history = fresh
    entry.trouble = undefined
    entry.again = Deferred.makeUnsafe()
  }

  /** Decides about a run that ended by itself; answers whether there is to be another one. */
  const after = Effect.fnUntraced(function* (entry: Entry, exit: Exit.Exit<unknown, unknown>, startedAt: number) {
    const now = yield* Clock.currentTimeMillis
    const how = ending(exit)
    const decision = next(policy, entry.history, how, startedAt, now)
    // Since the first of the runs that ended in a row; a run that was up for a period ends the row.
    const since = entry.trouble === undefined || now - startedAt >= policy.period ? now : entry.trouble.since
    entry.trouble = { since, cause: causeOf(exit), ...failure(exit) }
    switch (decision.act) {
      case "give up": {
        entry.state = "failed"
        yield* report(entry, "Error", "fenced again by another process", exit)
        const { actor, replica } = entry.child
        yield* Deferred.fail(failed, new SharedInstance({ instance: options.instance, actor, replica }))
        return false
      }
      case "wait":
        entry.state = "waiting"
        yield* report(entry, "Warn", `the broker or the database is away; next try within ${decision.delay} ms`, exit)
        break
      case "restart":
        entry.state = "starting"
        entry.restarts += 1
        yield* report(entry, "Error", `crashed; restart within ${decision.delay} ms`, exit)
        break
      case "retry slowly": {
        entry.state = "failed"
        entry.restarts += 1
        const why = how === "refused" ? "cannot go on before somebody acts" : "crashed too often"
        yield* report(entry, "Error", `${why} and is failed; next try within ${decision.delay} ms`, exit)
        break
      }
    }
    entry.history = decision.history
    yield* pause(entry, decision.delay)
    return true
  })

  const supervise = Effect.fnUntraced(function* (entry: Entry) {
    while (true) {
      if (Deferred.isDoneUnsafe(entry.again)) forgive(entry)
      const startedAt = (entry.startedAt = yield* Clock.currentTimeMillis)
      const exit = yield* runOnce(entry)
      if (exit === startAnew) continue
      if (!(yield* after(entry, exit, startedAt))) return
    }
  })

  const start = Effect.fnUntraced(function* <E, R>(children: ReadonlyArray<Child<E, R>>) {
    const services = yield* Effect.context<Exclude<R, Scope.Scope>>()
    const together = yield* Scope.fork(scope, "parallel")
    for (const child of children) {
      const entry: Entry = {
        child,
        run: (show) => Effect.provideContext(Effect.scoped(child.run(show)), services),
        state: "starting",
        probe: undefined,
        restarts: 0,
        history: fresh,
        trouble: undefined,
        startedAt: 0,
        again: Deferred.makeUnsafe()
      }
      entries.push(entry)
      const fiber = yield* Effect.forkDetach(supervise(entry))
      yield* Scope.addFinalizer(together, drain(entry, fiber))
    }
  })

  const supervisor: Supervisor = {
    start,
    restart: (actor) =>
      Effect.gen(function* () {
        const ours = entries.filter(({ child }) => child.actor === actor)
        for (const entry of ours) yield* Deferred.succeed(entry.again, undefined)
        return ours.length
      }),
    crash: (actor) =>
      Effect.gen(function* () {
        const ours = entries.filter(({ child }) => child.actor === actor)
        for (const { probe } of ours) if (probe !== undefined) yield* probe.crash
        for (const entry of ours) yield* Deferred.succeed(entry.again, undefined)
        return ours.length
      }),
    progress: () => entries.reduce((sum, { probe, restarts }) => sum + restarts + (probe?.progress() ?? 0), 0),
    status: () => entries.map((entry) => statusOf(entry, policy, clock.currentTimeMillisUnsafe())),
    busy: Effect.suspend(() =>
      Effect.map(
        Effect.forEach(entries, (entry) =>
          entry.state !== "running"
            ? Effect.succeed(entry.state === "starting" && entry.restarts === 0)
            : (entry.probe?.busy ?? Effect.succeed(true))
        ),
        (busy) => busy.some((it) => it)
      )
    ),
    failed: Deferred.await(failed)
  }
  return supervisor
})

/** A drain waits for the broker and for handlers: whoever waits for it is told for whom. */
const telling = ({ child: { actor, replica } }: Entry) =>
  Effect.logWarning("still draining").pipe(
    Effect.annotateLogs({ actor, replica }),
    Effect.delay("5 seconds"),
    Effect.forever
  )

const drain = (entry: Entry, fiber: Fiber.Fiber<void>) =>
  Effect.sync(() => {
    entry.state = "draining"
  }).pipe(
    Effect.andThen(Effect.raceFirst(Fiber.interrupt(fiber), Effect.interruptible(telling(entry)))),
    Effect.andThen(
      Effect.sync(() => {
        entry.state = "stopped"
      })
    )
  )
