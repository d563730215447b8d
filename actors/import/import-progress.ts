import { Effect } from "effect"
import { Actor } from "../../src/index.ts"
import { count, ended, importStatus, noProgress, Progress } from "./progress.ts"
import { importProgress } from "./topics.ts"

/** Counts the parts of each import and tells the browser after every one; the last brings the final state, once. */
export const importProgressActor = Actor.make("import-progress", {
  inbox: importProgress,
  state: Progress,
  initial: noProgress,
  timers: ["forget"]
}).handle({
  message: Effect.fnUntraced(function* (before, message, turn) {
    const after = count(before, message)
    if (after === before) return before
    yield* turn.report(after.channel, { kind: "import", importId: turn.key, ...importStatus(after) })
    // As long as a repeat could still be in the inbox.
    if (ended(after)) yield* turn.set("forget", { after: importProgress.spec.retention! })
    return after
  }),
  timer: { forget: () => Effect.succeed(noProgress) }
})
