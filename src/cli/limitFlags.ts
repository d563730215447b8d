import { defaultLimits } from "../http/limits.ts"
import { defaultGatewayLimits } from "../status/limits.ts"
import { parsed, text, whole } from "./flags.ts"

const count = (name: string, description: string, metavar: string, fallback: number, most: number) =>
  text(name, { metavar, description, fallback: String(fallback) }).pipe(
    parsed((value: string) => {
      const n = whole(value, most)
      return n === 0 ? undefined : n
    }, `a whole number, 1 to ${most}`)
  )

/** The largest that Node makes a string of. */
const mostText = 536_870_888

/** What a client may ask of this process: see `Limits` and `GatewayLimits`. Bytes, seconds and counts. */
export const limits = {
  json: count("json-limit", "Largest JSON body", "BYTES", defaultLimits.json, mostText),
  upload: count("upload-limit", "Largest upload", "BYTES", defaultLimits.upload, 999_999_999),
  frame: count("frame-limit", "Largest WebSocket frame of a client", "BYTES", defaultGatewayLimits.frame, mostText),
  bodyIdle: count("body-idle", "How long a body may bring nothing", "SECONDS", defaultLimits.bodyIdle / 1_000, 86_400),
  uploadsPerClient: count(
    "uploads-per-client",
    "Uploads of one address under way at once",
    "N",
    defaultLimits.uploadsPerClient,
    100_000
  ),
  requestsPerClient: count(
    "requests-per-client",
    "Requests of one address in a second, with as many again in a burst; lower it where strangers can call",
    "N",
    defaultLimits.requestsPerClient,
    10_000_000
  )
}

/** The limits as given. */
export type LimitFlags = { readonly [Name in keyof typeof limits]: number }
