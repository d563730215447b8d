import { Context, Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Actor, Topic } from "../../src/index.ts"
import { Projection } from "../../src/projection/index.ts"

/** What one message asks its handler to do. */
export const kinds = [
  "plain",
  "slow",
  "flaky",
  "held",
  "declined",
  "defect",
  "stuck",
  "refused",
  "garbage",
  "timer",
  "nap",
  "rise",
  "drum"
] as const
export const Order = Schema.Struct({ id: Schema.Int, kind: Schema.Literals(kinds), n: Schema.Int })
export type Order = typeof Order.Type

class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {}
class NeedsHelp extends Schema.TaggedError<NeedsHelp>()("NeedsHelp", {}) {}
class Declined extends Schema.TaggedError<Declined>()("Declined", {}) {}

/** A system outside of the log: it hears of every attempt, with its idempotency key. */
export class Outside extends Context.Service<Outside, { call(order: number, idempotencyKey: string): void }>()(
  "guarantee/Outside"
) {}

export const partitions = 3
const colours = ["red", "green"] as const
export const timerOf = ({ n }: Pick<Order, "n">): (typeof colours)[number] => colours[n % colours.length]!

/** What a sleeper puts into `handled`, in order: its state stays the initial one, and its timer is all it has. */
export const naps = { set: "nap", cancelled: "rise", over: "woke" } as const

/** A drum beats so often, each time by a due time of its own, and then is silent; it begins anew with every `drum`. */
export const beats = { begin: "drum", beat: "beat", many: 4 } as const

/** The broker takes no larger record of `handled`; the declaration does not say so. */
export const handledLimit = 600
export const orders = Topic.make("orders", { value: Order, partitions })
export const Handled = Schema.Struct({ id: Schema.Int, pad: Schema.String })
export const handled = Topic.make("handled", { value: Handled, partitions })
/** Only the last of a key counts: the log may forget the others at any time. */
export const settings = Topic.make("settings", { value: Schema.Int, partitions: 1, cleanup: "compact" })

/** Everything that took effect for a key, in order: ids, `timer:id`, `dead:` and the position in the inbox. */
export const Ledger = Schema.Struct({
  ledger: Schema.Array(Schema.String),
  pending: Schema.Record(Schema.String, Schema.Int)
})

const ring = (name: (typeof colours)[number]) =>
  Effect.fnUntraced(function* (state: typeof Ledger.Type, turn: { readonly attempt: number }) {
    const id = state.pending[name]!
    if (turn.attempt === 1 && id % 3 === 0) return yield* new Unavailable()
    return { ...state, ledger: [...state.ledger, `timer:${id}`] }
  })

export const worker = Actor.make("worker", {
  inbox: orders,
  emits: [handled],
  state: Ledger,
  initial: { ledger: [], pending: {} },
  timers: [...colours, "nap", "beat"],
  timeout: "20 seconds"
})
  .handle({
    message: Effect.fnUntraced(function* (state, order, turn) {
      const { id, kind, n } = order
      const outside = yield* Outside
      outside.call(id, turn.idempotencyKey)
      if (kind === "flaky" && turn.attempt <= n) return yield* new Unavailable()
      if (kind === "held" && turn.attempt === 1) return yield* new NeedsHelp()
      if (kind === "declined") return yield* new Declined()
      if (kind === "defect") return yield* Effect.die(new Error("a bug"))
      if (kind === "stuck") return yield* Effect.never
      if (kind === "slow") yield* Effect.sleep(n * 700)
      if (kind === "timer") yield* turn.set(timerOf(order), { after: n * 3_000 })
      if (kind === "nap" || kind === "rise") {
        yield* kind === "nap" ? turn.set("nap", { after: n * 3_000 }) : turn.cancel("nap")
        yield* turn.emit(handled, turn.key, { id, pad: kind === "nap" ? naps.set : naps.cancelled })
        return state
      }
      if (kind === "drum") {
        yield* turn.set("beat", { every: n * 2_000, missed: "all" })
        yield* turn.emit(handled, turn.key, { id, pad: beats.begin })
        return { ...state, pending: { beats: 0, every: n * 2_000 } }
      }
      yield* turn.emit(handled, turn.key, { id, pad: kind === "refused" ? "x".repeat(handledLimit) : "" })
      const pending = kind === "timer" ? { ...state.pending, [timerOf(order)]: id } : state.pending
      return { ledger: [...state.ledger, String(id)], pending }
    }),
    timer: {
      red: ring("red"),
      green: ring("green"),
      nap: (state, turn) => Effect.as(turn.emit(handled, turn.key, { id: -1, pad: naps.over }), state),
      beat: Effect.fnUntraced(function* (state, turn) {
        const count = state.pending["beats"]! + 1
        const due = turn.idempotencyKey.slice(`worker/${turn.key}/beat/`.length)
        yield* turn.emit(handled, turn.key, { id: -1, pad: `${beats.beat} ${due}` })
        if (count === beats.many) yield* turn.cancel("beat")
        return { ...state, pending: { ...state.pending, beats: count } }
      })
    },
    deadLetter: (state, { id }) => Effect.succeed({ ...state, ledger: [...state.ledger, `dead:${id}`] })
  })
  .errors({
    Unavailable: { retry: { base: "2 seconds", factor: 2 }, then: "hold" },
    NeedsHelp: "hold",
    Declined: "dead-letter"
  })

/** Downstream of the worker: reads committed only, and acts once for each. */
export const collector = Actor.make("collector", {
  inbox: handled,
  state: Schema.Array(Schema.Int),
  initial: []
}).handle({ message: (state, { id }) => Effect.succeed([...state, id]) })

/** What a table of a projection has of a key: one column for what came in order, one for the last that came. */
export const shelf = Projection.make("shelf", {
  inbox: [handled, settings],
  table: "shelf",
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) =>
        sql`CREATE TABLE ${sql(table)} (id text PRIMARY KEY, handled text NOT NULL, setting integer,
          read integer NOT NULL, backwards integer NOT NULL)`
    ),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    for (const { key: id, offset, value } of changes) {
      const said: number | typeof Handled.Type = Option.getOrThrow<number | typeof Handled.Type>(value)
      if (typeof said === "number") {
        yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ id, handled: "", setting: said, read: offset, backwards: 0 })}
          ON CONFLICT (id) DO UPDATE SET setting = excluded.setting, read = excluded.read,
            backwards = ${sql(table)}.backwards + (${sql(table)}.read >= excluded.read)`
      } else {
        yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ id, handled: ` ${said.id}`, read: -1, backwards: 0 })}
          ON CONFLICT (id) DO UPDATE SET handled = ${sql(table)}.handled || excluded.handled`
      }
    }
  })
})

/** What was sent to a key, and what the world outside heard. */
export interface Sent {
  readonly orders: Map<number, Order>
  /** By order: the idempotency keys of its attempts. */
  readonly calls: Map<number, Set<string>>
  /** An operator has skipped something of the key, and paused it. */
  skipped: boolean
  paused: boolean
}
