import { Effect } from "effect"

type Resume = (effect: Effect.Effect<void>) => void

/**
 * Waits until this turn of the event loop has ended; all who wait go on one after the other. What they then write to one socket
 * leaves in one packet, and who reads it is woken once: waking the reader for each was a third of what a small answer cost.
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
