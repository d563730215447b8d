// Asking again and again, where no channel tells: not while nobody looks, and less often while the server is away.

const longest = 15_000

/**
 * @template A
 * @param {ReturnType<import("./life.js").makeLife>} life how long
 * @param {number} every milliseconds between an answer and the next question
 * @param {(signal: AbortSignal) => Promise<A>} ask
 * @param {(answer: A) => void} answered
 * @param {(error: Error) => void} [failed]
 * @returns {() => void} asks at once
 */
export const poll = (life, every, ask, answered, failed = () => undefined) => {
  let timer
  let failures = 0
  let isAsking = false
  let isAgain = false
  const turn = async () => {
    clearTimeout(timer)
    if (isAsking) {
      isAgain = true
      return
    }
    isAsking = true
    try {
      const answer = await ask(life.signal)
      if (!life.signal.aborted) answered(answer)
      failures = 0
    } catch (error) {
      if (!life.signal.aborted) failed(error)
      failures++
    }
    isAsking = false
    if (life.signal.aborted) return
    if (isAgain) {
      isAgain = false
      await turn()
    } else if (!document.hidden) {
      timer = setTimeout(turn, Math.min(every * 2 ** Math.min(failures, 10), longest))
    }
  }
  const seen = () => {
    if (!document.hidden) void turn()
  }
  document.addEventListener("visibilitychange", seen)
  life.add(() => {
    clearTimeout(timer)
    document.removeEventListener("visibilitychange", seen)
  })
  void turn()
  return () => void turn()
}
