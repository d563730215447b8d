/** What `sixfold keys` and `sixfold dead-letters` can do. */
export const keyActions = ["pause", "resume", "skip"] as const
export const letterActions = ["list", "show", "replay", "discard"] as const
