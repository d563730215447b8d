import { Context, Effect, Schema } from "effect"
import { Actor, type Turn } from "../../src/index.ts"
import { Dialect } from "./csv/dialect.ts"
import { importJobs, importKey, importProgress, imports, PartClaim, type Seal } from "./topics.ts"

/** Jobs of one import that are handed out at a time: a small import waits behind this many of each large one, no more. */
export const outstandingJobs = 8

/** The number in force, at least 1. Read whenever jobs are handed out, so that it may change at any time. */
export const OutstandingJobs = Context.Reference<Effect.Effect<number>>("import/OutstandingJobs", {
  defaultValue: () => Effect.succeed(outstandingJobs)
})

const Import = Schema.Struct({
  seal: Schema.String,
  dialect: Dialect,
  /** Parts not handed out yet; the first has the number `next`. */
  waiting: Schema.Array(PartClaim),
  next: Schema.Int,
  outstanding: Schema.Array(Schema.Struct({ part: Schema.Int, rows: Schema.Int })),
  cancelled: Schema.Boolean
})
type Import = typeof Import.Type

const sealed = (seal: Seal): Import => ({
  seal: seal.seal,
  dialect: seal.dialect,
  waiting: seal.parts,
  next: 0,
  outstanding: [],
  cancelled: false
})

const handOut = Effect.fnUntraced(function* (state: Import, turn: Turn<string>) {
  const most = yield* yield* OutstandingJobs
  // Lowered meanwhile: what is handed out already stays so.
  const free = state.waiting.slice(0, Math.max(0, most - state.outstanding.length))
  const { dialect, seal } = state
  for (const [i, claim] of free.entries()) {
    yield* turn.emit(importJobs, importKey(turn.key, state.next + i), { seal, dialect, claim })
  }
  const added = free.map((claim, i) => ({ part: state.next + i, rows: claim.rows }))
  return {
    ...state,
    waiting: state.waiting.slice(free.length),
    next: state.next + free.length,
    outstanding: [...state.outstanding, ...added]
  }
})

/**
 * Hands the parts of an import out as jobs, a few at a time, so that imports share the workers fairly and a cancel has
 * something left to stop. What is handed out is finished either way; then the counts are final.
 */
export const contactsImport = Actor.make("contacts-import", {
  inbox: imports,
  emits: [importJobs, importProgress],
  state: Schema.NullOr(Import),
  initial: null
}).handle({
  message: Effect.fnUntraced(function* (state, message, turn) {
    if (message._tag === "Seal") {
      if (state !== null) return state // an import is sealed once
      const rows = message.parts.reduce((sum, part) => sum + part.rows, 0)
      const channel = message.channel === undefined ? {} : { channel: message.channel }
      yield* turn.emit(importProgress, turn.key, { _tag: "Split", ...channel, parts: message.parts.length, rows })
      return message.parts.length === 0 ? null : yield* handOut(sealed(message), turn)
    }
    if (state === null) return state
    if (message._tag === "Cancel")
      return state.waiting.length === 0 ? state : { ...state, waiting: [], cancelled: true }
    const ended = state.outstanding.find(({ part }) => part === message.part)
    if (ended === undefined) return state // a repeat
    if (message.outcome === "failed") {
      yield* turn.emit(importProgress, turn.key, { _tag: "PartFailed", ...ended })
    }
    const outstanding = state.outstanding.filter((job) => job !== ended)
    const after = yield* handOut({ ...state, outstanding }, turn)
    if (after.outstanding.length > 0) return after
    // The completions of all parts are in `import-progress` already: they were committed with their PartEnded.
    if (after.cancelled) yield* turn.emit(importProgress, turn.key, { _tag: "Cancelled" })
    return null // nothing more is to come
  })
})
