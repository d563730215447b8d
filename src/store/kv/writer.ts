import { DateTime, Effect } from "effect"
import { Actor } from "../../actor/actor.ts"
import type { AnyActor } from "../../actor/actor.ts"
import { decide, KeyState, neverWritten } from "./decide.ts"
import type { KvTopics } from "./topics.ts"

/**
 * The single writer of a store, an ordinary keyed actor under the store's name: it decides the commands of a key one after the
 * other, and settles value, result and its own state together. Nothing else makes a compare-and-set through a log
 * right: a reader that rejects by itself is wrong as soon as compaction has removed what it would have rejected.
 */
export const writer = <V>(name: string, { commands, results, values }: KvTopics<V>): AnyActor =>
  Actor.make(name, {
    inbox: commands,
    emits: [values, results],
    state: KeyState,
    initial: neverWritten
  }).handle({
    message: Effect.fnUntraced(function* (before, command, turn) {
      const { outcome, record, state } = decide(before, command, DateTime.toEpochMillis(turn.time))
      if (record !== undefined) yield* turn.emit(values, turn.key, record)
      yield* turn.emit(results, command.requestId, { requestId: command.requestId, ...outcome })
      return state
    })
  })
