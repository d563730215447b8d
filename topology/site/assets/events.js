// Server-sent events through fetch: an EventSource cannot carry a token.

import { open, Refused } from "./session.js"

/** One event of the text between two empty lines; nothing for a comment. */
const decode = (block) => {
  let [event, data] = ["message", ""]
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7)
    else if (line.startsWith("data: ")) data += line.slice(6)
  }
  return data === "" ? undefined : { event, data: JSON.parse(data) }
}

/** Three heartbeats of the server. A line may die without a word. */
const silence = 45_000

/** Aborted with the life, or when nothing has been heard for too long. */
const makeLine = (signal) => {
  const dead = new AbortController()
  let timer
  const heard = () => {
    clearTimeout(timer)
    timer = setTimeout(() => dead.abort(), silence)
  }
  heard()
  return { signal: AbortSignal.any([signal, dead.signal]), heard, end: () => clearTimeout(timer) }
}

/** The events of one response, until it ends. */
async function* eventsOf(response, heard) {
  let rest = ""
  for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
    const { done, value } = await reader.read()
    heard()
    if (done) return
    const blocks = (rest + value).split("\n\n")
    rest = blocks.pop()
    for (const block of blocks) {
      const event = decode(block)
      if (event !== undefined) yield event
    }
  }
}

const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener("abort", () => {
      clearTimeout(timer)
      resolve()
    })
  })

/**
 * Follows a stream for as long as the life lasts; a broken one is opened again.
 *
 * @param {{ began(): void, event(event: { event: string, data: any }): void, broke(error?: Error): void }} listener
 */
export const followEvents = async (life, path, listener) => {
  const { signal } = life
  for (let failures = 0; !signal.aborted; failures++) {
    let error
    const line = makeLine(signal)
    try {
      const response = await open(path, line.signal)
      listener.began()
      failures = 0
      for await (const event of eventsOf(response, line.heard)) listener.event(event)
    } catch (cause) {
      error = cause
    } finally {
      line.end()
    }
    if (signal.aborted) return
    listener.broke(error)
    if (error instanceof Refused && error.status === 401) return
    const wait = Math.min(500 * 2 ** Math.min(failures, 5), 10_000)
    await pause(wait / 2 + (Math.random() * wait) / 2, signal)
  }
}
