import { Effect } from "effect"

type Resume = (effect: Effect.Effect<void>) => void

/**
 * Waits until this turn of the event loop has ended; all who wait go on one after the other. Answers that leave so wake a reader that
 * sleeps once for all of them: waking it for each was a third of what a small answer cost.
 */
export const makeEndOfTurn = (): Effect.Effect<void> => {
  let waiting: Array<Resume> = []
  const release = () => {
    const all = waiting
    waiting = []
    for (const resume of all) resume(Effect.void)
  }
  return Effect.callback<void>((resume) => {
    if (waiting.push(resume) === 1) setImmediate(release)
  })
}
