// How the page asks its server: the access token, requests, and what a refusal says.

import { makeSignal } from "./life.js"

/** In memory only: it is gone with the page. */
let token

/** `needed`: the server wants a token; `refused`: not this one. */
export const access = makeSignal("open")

export const currentToken = () => token
export const useToken = (text) => {
  token = text
}

/** Whether the last request found the server. */
export const reachable = makeSignal(true)

const patience = 20_000

/** The server said no, or could not be asked. `status` is 0 where it cannot be reached. */
export class Refused extends Error {
  constructor(status, tag, message, headers) {
    super(message)
    this.status = status
    this.tag = tag
    this.headers = headers
  }
}

/** A part of a path. A browser takes `.` and `..` for steps, however they are written. */
export const segment = (text) => {
  if (text === "." || text === "..") throw new Refused(0, "BadName", `“${text}” cannot be part of an address`)
  return encodeURIComponent(text)
}

export const authorization = () => (token === undefined ? {} : { authorization: `Bearer ${token}` })

const json = async (response) => {
  if (!response.headers.get("content-type")?.startsWith("application/json")) return undefined
  try {
    return await response.json()
  } catch {
    return undefined
  }
}

const ask = async (path, options) => {
  try {
    const response = await fetch(path, options)
    reachable.set(true)
    return response
  } catch (error) {
    if (options.cancel?.aborted) throw error
    reachable.set(false)
    throw new Refused(0, "Unreachable", "The server cannot be reached", new Headers())
  }
}

/** What a response refuses, as an error. A 401 also asks for a token. */
export const refusal = async (response) => {
  const problem = await json(response)
  if (response.status === 401) access.set(token === undefined ? "needed" : "refused")
  const message = problem?.message ?? `The server answered ${response.status}`
  return new Refused(response.status, problem?.error ?? "", message, response.headers)
}

/**
 * Asks, and answers with the JSON that comes back. Throws `Refused`.
 *
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, headers?: Record<string, string>, signal?: AbortSignal }} options
 * @returns {Promise<{ status: number, data: any, headers: Headers }>}
 */
export const request = async (method, path, { body, headers = {}, signal } = {}) => {
  const content = body === undefined ? {} : { "content-type": "application/json" }
  const limit = AbortSignal.timeout(patience)
  const response = await ask(path, {
    method,
    headers: { ...content, ...authorization(), ...headers },
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    cancel: signal,
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  if (!response.ok) throw await refusal(response)
  return { status: response.status, data: await json(response), headers: response.headers }
}

export const get = async (path, signal) => (await request("GET", path, { signal })).data

/** The answer, or nothing where there is none (404). */
export const find = async (path, signal) => {
  try {
    return await get(path, signal)
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return undefined
    throw error
  }
}

/** A response whose body is read as it comes. Throws `Refused`. */
export const open = async (path, signal) => {
  const response = await ask(path, { headers: authorization(), signal, cancel: signal })
  if (!response.ok) throw await refusal(response)
  return response
}
