/**
 * The files that may do what Effect code may not, each with what and why. Anything else is a mistake; so is an entry
 * that is no longer needed.
 */
export const adapters: ReadonlyArray<{
  readonly path: string
  readonly uses: ReadonlyArray<string>
  readonly why: string
}> = []
