import { killed } from "./processes.ts"
import { stories } from "./stories.ts"

/** `STORIES_SEED` brings the moments of a failed run again: who is killed, and how long after a story's act. */
const seed = Number(process.env.STORIES_SEED ?? Date.now() % 1_000_000)

stories(`the six patterns, in two processes that are killed at random (STORIES_SEED=${seed}):`, killed(seed))
