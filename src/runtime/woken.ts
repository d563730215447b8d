import { Effect, Latch } from "effect"

/**
 * Waits until the latch is open. `openUnsafe` resumes who waits within its call, and whoever calls it is in the middle of something: this
 * goes on only after that.
 */
export const woken = (latch: Latch.Latch): Effect.Effect<void> =>
  Effect.suspend(() => (Latch.isOpen(latch) ? Effect.void : Effect.andThen(latch.await, Effect.yieldNow)))
