import { Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Sub-protocol by which a browser, which cannot set headers, hands its token over on an upgrade. */
const bearerProtocol = "sixfold.bearer."

const fromProtocols = (header: string | undefined): string | undefined => {
  const offered = header?.split(",").map((protocol) => protocol.trim())
  const found = offered?.find((protocol) => protocol.startsWith(bearerProtocol))
  return found && Buffer.from(found.slice(bearerProtocol.length), "base64url").toString("utf8")
}

const fromAuthorization = (header: string | undefined): string | undefined =>
  header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : undefined

export interface Credentials {
  readonly authorization: string | undefined
  /** `Sec-WebSocket-Protocol`; only of an upgrade. */
  readonly protocols: string | undefined
}

/**
 * Whether the credentials hold the token. Digests are compared, in constant time: neither the content nor the length of
 * the token shows in how long it takes.
 */
export const makeBearer = (token: Redacted.Redacted): ((credentials: Credentials) => boolean) => {
  const expected = digest(Redacted.value(token))
  return ({ authorization, protocols }) => {
    const given = fromAuthorization(authorization) ?? fromProtocols(protocols)
    return given !== undefined && timingSafeEqual(digest(given), expected)
  }
}

/** What anyone may see: health, the static pages and the documentation. All else needs the token, unknown paths included. */
export const isPublic = (method: string, path: string): boolean =>
  (method === "GET" || method === "HEAD") &&
  /^\/($|health\/|docs(\/|$)|openapi\.json$|[\w-]+\.(html|css|js|svg|ico|png)$|assets\/)/.test(path)
