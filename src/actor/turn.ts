import type { Cron, DateTime, Duration, Effect } from "effect"
import type { StatusEvent } from "./status.ts"
import type { Topic } from "./topic.ts"

/**
 * A due time, or a recurrence. A cron expression in a time zone takes each time of the local clock once: of an hour that comes
 * twice the first; what lies in an hour that is left out comes an hour later. Without a zone it is in that of the `Cron`, else in UTC; a
 * `Cron` that no expression says is refused. `missed` says what happens to due times that passed while nobody ran (default "once"):
 * - `once`: one turn for all of them, named by the first;
 * - `all`: a turn for each;
 * - `skip`: none; the next due time is in the future.
 */
export type When = (
  | { readonly at: DateTime.DateTime }
  | { readonly after: Duration.Input }
  | { readonly every: Duration.Input; readonly from?: DateTime.DateTime }
  | { readonly months: number; readonly from: DateTime.DateTime; readonly timezone?: string }
  | { readonly cron: Cron.Cron | string; readonly timezone?: string }
) & { readonly missed?: "once" | "all" | "skip" }

/**
 * What a handler may do to the log. Nothing here is performed: all of it is collected and settled together with the
 * new state and the consumed offset, or not at all.
 */
export interface Turn<out K, in Timer extends string = never> {
  readonly key: K
  /** Counts from 1. */
  readonly attempt: number
  /**
   * Stable for this message or due time, over retries, restarts and replays: the inbox record's `topic/partition/offset`, or
   * `actor/key/timer/due`. Hand it to whatever acts outside the log.
   */
  readonly idempotencyKey: string
  /** When this attempt began. */
  readonly time: DateTime.Utc
  /** A record for another topic, on the partition of its key. A value that breaks the schema or is too large fails the attempt. */
  emit<TK, TV>(topic: Topic<TK, TV>, key: NoInfer<TK>, value: NoInfer<TV>): Effect.Effect<void>
  /**
   * A status for whoever follows the channel; nothing where there is none. Its id on the channel is the actor's key. One that is no JSON or
   * larger than 1 MiB fails the attempt.
   */
  report(channel: string | undefined, event: StatusEvent): Effect.Effect<void>
  /** Sets the key's timer of this name, in place of what it was. A due time that is past fires at once. */
  set(timer: Timer, when: When): Effect.Effect<void>
  cancel(timer: Timer): Effect.Effect<void>
}
