import { Clock, Context, Effect, Layer, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpServerRequest, HttpServerRespondable } from "effect/http"
import { problem } from "../http/problem.ts"
import { ChannelKeys } from "./channelKeys.ts"
import { decodeCursor, encodeCursor } from "./cursor.ts"
import type { Position } from "./cursor.ts"
import { fromBase64Url, isSigned, sign } from "./mac.ts"

/** An id, token or cursor that we did not give out, or not for this. Over HTTP: 403. */
export class ChannelError extends Schema.TaggedError<ChannelError>()("ChannelError", {
  reason: Schema.Literals(["UnknownChannel", "BadToken", "ExpiredToken", "BadCursor"]),
  message: Schema.String
}) {
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(problem(403, this.reason, this.message))
  }
}

/** A channel and what allows to follow it; `expires` in ISO 8601. */
export interface Granted {
  readonly channel: string
  readonly token: string
  readonly expires: string
}

/** How long a token is good, in milliseconds: 24 hours. */
export const tokenLifetime = 86_400_000

const idBytes = 16
const idMacBytes = 16
const expiryBytes = 6
const tokenMacBytes = 32

const unknownChannel = new ChannelError({ reason: "UnknownChannel", message: "no such channel was given out" })
const badToken = new ChannelError({ reason: "BadToken", message: "the token is not one for this channel" })
const expiredToken = new ChannelError({ reason: "ExpiredToken", message: "the token has expired: connect anew" })
const badCursor = new ChannelError({ reason: "BadCursor", message: "the cursor is not one of this channel" })

/**
 * Channels cost nothing until something is reported on them: an id is 128 random bits and their signature, so that every process
 * knows a channel without having heard of it. The id lets one report; to follow it takes its token.
 */
export class Channels extends Context.Service<
  Channels,
  {
    readonly create: Effect.Effect<Granted>
    /** The id itself, if it was given out: `UnknownChannel` else. */
    verify(channel: string): Effect.Effect<string, ChannelError>
    /** Fails with `UnknownChannel`, `BadToken` or `ExpiredToken`. */
    authorize(channel: string, token: string): Effect.Effect<void, ChannelError>
    /** A fresh token for a channel. */
    grant(channel: string): Effect.Effect<Granted>
    encodeCursor(channel: string, position: Position): string
    /** Fails with `BadCursor`. */
    decodeCursor(channel: string, cursor: string): Effect.Effect<Position, ChannelError>
  }
>()("sixfold/status/Channels") {
  static readonly layer: Layer.Layer<Channels, never, ChannelKeys> = Layer.effect(
    Channels,
    Effect.gen(function* () {
      const { accepted, current } = yield* ChannelKeys
      const random = yield* SecureRandom.SecureRandom

      const grant = (channel: string): Effect.Effect<Granted> =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const expires = now + tokenLifetime
          const bytes = Buffer.alloc(expiryBytes)
          bytes.writeUIntBE(expires, 0, expiryBytes)
          const mac = sign(current, "token", tokenMacBytes, bytes, channel)
          const token = Buffer.concat([bytes, mac]).toString("base64url")
          return { channel, token, expires: new Date(expires).toISOString() }
        })

      const verify = (channel: string): Effect.Effect<string, ChannelError> => {
        const bytes = fromBase64Url(channel, idBytes + idMacBytes)
        return bytes !== undefined && isSigned(accepted, "channel", bytes.subarray(idBytes), bytes.subarray(0, idBytes))
          ? Effect.succeed(channel)
          : Effect.fail(unknownChannel)
      }

      const authorize = Effect.fnUntraced(function* (channel: string, token: string) {
        yield* verify(channel)
        const bytes = fromBase64Url(token, expiryBytes + tokenMacBytes)
        if (bytes === undefined) return yield* badToken
        const expiry = bytes.subarray(0, expiryBytes)
        if (!isSigned(accepted, "token", bytes.subarray(expiryBytes), expiry, channel)) return yield* badToken
        if (expiry.readUIntBE(0, expiryBytes) <= (yield* Clock.currentTimeMillis)) return yield* expiredToken
      })

      return {
        create: Effect.flatMap(random.randomBytes(idBytes), (id) =>
          grant(Buffer.concat([id, sign(current, "channel", idMacBytes, id)]).toString("base64url"))
        ),
        verify,
        authorize,
        grant,
        encodeCursor: (channel, position) => encodeCursor(current, channel, position),
        decodeCursor: (channel, cursor) => {
          const position = decodeCursor(accepted, channel, cursor)
          return position === undefined ? Effect.fail(badCursor) : Effect.succeed(position)
        }
      }
    })
  ).pipe(Layer.provide(SecureRandom.layerWebCrypto))
}

/** The channel that a request names by `?channel=`, known to be ours; nothing where it names none. Fails with `UnknownChannel`: 403. */
export const requestedChannel = Effect.gen(function* () {
  const { channel } = yield* HttpServerRequest.ParsedSearchParams
  if (channel === undefined) return undefined
  return typeof channel === "string" ? yield* (yield* Channels).verify(channel) : yield* unknownChannel
})
