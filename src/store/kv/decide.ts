import { Schema } from "effect"
import { hasValue, Version } from "./topics.ts"
import type { Command, Outcome, Stored } from "./topics.ts"

/** Requests of a key whose outcome is remembered, and for how long (milliseconds): as long as their results are kept. */
const mostRemembered = 32
const longestRemembered = 3_600_000

const Remembered = Schema.Struct({
  requestId: Schema.String,
  /** Milliseconds since the epoch. */
  at: Schema.Int,
  outcome: Schema.Union([Schema.Struct({ version: Schema.Int }), Schema.Struct({ conflict: Schema.NullOr(Version) })])
})

/** What the single writer knows of a key. Of a deleted key it stays: its versions must not begin anew. */
export const KeyState = Schema.Struct({
  /** Of the last accepted write; 0: never written. */
  version: Schema.Int,
  present: Schema.Boolean,
  /** Oldest first. */
  recent: Schema.Array(Remembered)
})
export type KeyState = typeof KeyState.Type

export const neverWritten: KeyState = { version: 0, present: false, recent: [] }

/** What a command does to its key. */
export interface Decided<V> {
  readonly state: KeyState
  readonly outcome: Outcome
  /** What is to be written to the store. */
  readonly record: Stored<V> | undefined
}

/**
 * The one place where writes are decided, in the order of their log. A repeated request has the outcome it had first and takes no
 * effect again, for as long as it is remembered: within an hour and within the key's next 32 requests.
 */
export const decide = <V>(state: KeyState, command: Command<V>, now: number): Decided<V> => {
  const before = state.recent.find(({ requestId }) => requestId === command.requestId)
  if (before !== undefined) return { state, outcome: before.outcome, record: again(state) }
  const current = state.present ? state.version : null
  if (command.expected !== undefined && command.expected !== current) {
    return remember(state, command, { conflict: current }, now)
  }
  if (hasValue(command)) {
    const version = state.version + 1
    const record = { version, value: command.value }
    return remember({ ...state, version, present: true }, command, { version }, now, record)
  }
  if (!state.present) return remember(state, command, { version: state.version }, now, again(state))
  const version = state.version + 1
  return remember({ ...state, version, present: false }, command, { version }, now, { version })
}

/**
 * A writer waits until its process has seen the version that answers it. No memory holds the version of a deleted key,
 * so its tombstone is written once more, as it was; a key that is present shows its version by itself.
 */
const again = ({ present, version }: KeyState): { readonly version: number } | undefined =>
  present || version === 0 ? undefined : { version }

const remember = <V>(
  state: KeyState,
  { requestId }: Command<V>,
  outcome: Outcome,
  now: number,
  record?: Stored<V>
): Decided<V> => {
  const kept = state.recent.filter(({ at }) => now - at < longestRemembered).slice(1 - mostRemembered)
  return { state: { ...state, recent: [...kept, { requestId, at: now, outcome }] }, outcome, record }
}
