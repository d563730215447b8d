// What a view has under way, ended together when the view goes.

/** Ends in the reverse order of what was added. */
export const makeLife = () => {
  const ends = []
  const aborting = new AbortController()
  return {
    /** Aborted at the end: for requests. */
    signal: aborting.signal,
    /** @param {() => void} end */
    add(end) {
      if (aborting.signal.aborted) end()
      else ends.push(end)
    },
    /** Calls `action` now and every so many milliseconds. */
    every(milliseconds, action) {
      action()
      const timer = setInterval(() => action(), milliseconds)
      this.add(() => clearInterval(timer))
    },
    end() {
      aborting.abort()
      while (ends.length > 0) ends.pop()()
    }
  }
}

/** Values that others may follow: each new one goes to everybody who listens; a late listener gets the newest at once. */
export const makeSignal = (first) => {
  let value = first
  const listeners = new Set()
  return {
    get: () => value,
    set(next) {
      value = next
      for (const listener of listeners) listener(next)
    },
    /** @returns {() => void} what ends it */
    follow(listener) {
      listeners.add(listener)
      if (value !== undefined) listener(value)
      return () => listeners.delete(listener)
    }
  }
}
