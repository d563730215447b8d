import { Config, Effect, Layer, Option, Schema, Semaphore, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { Declined, Payments, Unavailable } from "./payments.ts"

/** How long an answer may take. A user's own commands wait for it: no longer than a person would. */
const patience = "10 seconds"

/** Charges under way at a time of one replica: many users may be due at once, or after an outage all of them. Who waits for a place waits no longer than for an answer. */
const mostAtOnce = 64

/** Client errors that say "later", not "no". */
const laterStatuses = new Set([408, 425, 429])

/** Of an answer's body nothing is needed; a short one is read so that the connection can be used again. */
const mostRead = 65_536

const PaymentUrl = Schema.URL.check(
  Schema.makeFilter(({ password, protocol, username }: URL) =>
    (protocol === "http:" || protocol === "https:") && username === "" && password === ""
      ? undefined
      : "an http or https URL without credentials was expected"
  )
)

/** In seconds; a date is not read. At most a day. */
const retryAfterOf = ({ headers }: HttpClientResponse.HttpClientResponse): { readonly retryAfter?: number } => {
  const text = headers["retry-after"] ?? ""
  return /^\d{1,9}$/.test(text) ? { retryAfter: Math.min(Number(text), 86_400) } : {}
}

/** The status is the answer: 2xx charged, 4xx declined, anything else says nothing. */
const judge = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void, Declined | Unavailable> => {
  const { status } = response
  const reason = `the payment service answered ${status}`
  if (status >= 200 && status < 300) return Effect.void
  return status >= 400 && status < 500 && !laterStatuses.has(status)
    ? Effect.fail(new Declined({ reason }))
    : Effect.fail(new Unavailable({ reason, ...retryAfterOf(response) }))
}

const readAway = (response: HttpClientResponse.HttpClientResponse) => {
  let read = 0
  return response.stream.pipe(
    Stream.takeWhile((chunk) => (read += chunk.length) <= mostRead),
    Stream.runDrain,
    Effect.timeoutOption("1 second"),
    Effect.ignore
  )
}

/**
 * POSTs each charge to `url` as `{"userId","amount","currency"}` with its `Idempotency-Key`, percent-encoded, since user ids
 * may hold what a header may not. Redirects are not followed: they are no answer.
 */
const paymentsAt = (url: URL) =>
  Effect.gen(function* () {
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const permits = yield* Semaphore.make(mostAtOnce)
    const take = Effect.acquireRelease(permits.take(1), () => permits.release(1), { interruptible: true })
    const place = Effect.timeoutOrElse(take, {
      duration: patience,
      orElse: () => Effect.fail(new Unavailable({ reason: `${mostAtOnce} others wait for the payment service` }))
    })
    return Payments.of({
      charge: (idempotencyKey, userId, amount, currency) =>
        HttpClientRequest.post(url).pipe(
          HttpClientRequest.setHeader("idempotency-key", encodeURI(idempotencyKey.toWellFormed())),
          HttpClientRequest.bodyJsonUnsafe({ userId, amount, currency }),
          client.execute,
          Effect.mapError(({ message }) => new Unavailable({ reason: message })),
          Effect.tap(readAway),
          Effect.timeoutOrElse({
            duration: patience,
            orElse: () => Effect.fail(new Unavailable({ reason: `no answer within ${patience}` }))
          }),
          Effect.flatMap(judge),
          (answered) => Effect.andThen(place, answered),
          Effect.scoped
        )
    })
  })

/** The payment service at `SIXFOLD_PAYMENT_URL`; without the variable the sandbox. Fails on a URL that is none. */
export const paymentsLayer = Layer.unwrap(
  Effect.map(
    Config.option(Config.schema(PaymentUrl, "SIXFOLD_PAYMENT_URL")),
    Option.match({
      onNone: () => Payments.sandbox,
      onSome: (url) =>
        Layer.effect(Payments, paymentsAt(url)).pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }))
        )
    })
  )
)
