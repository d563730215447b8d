// What a reload leaves: in this tab's session storage, and gone with the tab. Never the access token.

/**
 * A value that is there again after a reload. Where the browser allows no storage, nothing is kept.
 *
 * @template A
 * @param {string} name
 * @param {(value: unknown) => boolean} isValid what another version of the page has kept is passed over
 * @returns {{ read(): A | undefined, write(value: A | undefined): void }}
 */
export const makeKept = (name, isValid) => ({
  read() {
    try {
      const value = JSON.parse(sessionStorage.getItem(`sixfold.${name}`) ?? "null")
      return isValid(value) ? value : undefined
    } catch {
      return undefined
    }
  },
  write(value) {
    try {
      if (value === undefined) sessionStorage.removeItem(`sixfold.${name}`)
      else sessionStorage.setItem(`sixfold.${name}`, JSON.stringify(value))
    } catch {
      // Full, or forbidden: then a reload forgets it.
    }
  }
})

export const isText = (value) => typeof value === "string"
