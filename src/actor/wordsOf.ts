import { Result } from "effect"

/** An error in words, cut where they are more than `most`. Anything can be thrown, also what throws itself when it is looked at. */
export const wordsOf = (error: unknown, words: (error: unknown) => string, most = 4_096): string => {
  const told = Result.try(() => words(error))
  return Result.isSuccess(told) ? told.success.slice(0, most) : "an error that cannot be shown"
}
