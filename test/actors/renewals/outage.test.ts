import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { ServerResponse } from "node:http"
import { paymentsLayer } from "../../../actors/renewals/payments-http.ts"
import { Payments, Unavailable } from "../../../actors/renewals/payments.ts"
import { subscriptions } from "../../../actors/renewals/topics.ts"
import { Log } from "../../../src/runtime/log.ts"
import { gateway } from "./gateway.ts"
import { broker, start } from "./world.ts"

const users = Array.from({ length: 300 }, (_, n) => `user-${n}`)

/** Everybody subscribes at once, and is due at the same moments. */
const subscribeAll = Effect.gen(function* () {
  const log = yield* Log
  const terms = { plan: "p", amount: 500, currency: "EUR", renew: { every: "1 hour" } }
  yield* Effect.forEach(users, (userId) => log.append(subscriptions, userId, { _tag: "Subscribe", ...terms }), {
    concurrency: 50
  })
})

describe("after an outage", () => {
  it.effect("of ten periods each user is asked for one charge, the first that was missed, and not for ten", () =>
    Effect.gen(function* () {
      const payments = gateway()
      const first = yield* start(payments.layer, 5)
      yield* subscribeAll
      yield* first.quiet
      yield* first.stop
      yield* TestClock.setTime(10.5 * 3_600_000)
      const second = yield* start(payments.layer, 5)
      yield* second.pass("10 minutes")
      assert.strictEqual(payments.calls.length, users.length)
      assert.sameMembers(
        [...payments.charged.keys()],
        users.map((userId) => `renewals/${userId}/due/1970-01-01T01:00:00.000Z`)
      )
      yield* second.stop
    }).pipe(Effect.provide(broker))
  )

  it.effect("of the payment service those who failed together do not come again together", () =>
    Effect.gen(function* () {
      const payments = gateway()
      const running = yield* start(payments.layer, 5)
      yield* subscribeAll
      yield* running.quiet
      payments.answers.before = Effect.fail(new Unavailable({ reason: "down" }))
      yield* running.pass("1 hour")
      assert.strictEqual(payments.calls.length, users.length)
      payments.answers.before = Effect.void
      yield* running.pass("4990 millis")
      assert.strictEqual(payments.calls.length, users.length, "nobody comes before 5 s")
      const perStep: Array<number> = []
      for (let before = payments.calls.length; perStep.length < 11; before = payments.calls.length) {
        yield* running.pass("100 millis")
        perStep.push(payments.calls.length - before)
      }
      assert.strictEqual(
        perStep.reduce((sum, calls) => sum + calls, 0),
        users.length
      )
      // Evenly over a second: a tenth of them in each tenth of it, give or take what chance does.
      for (const calls of perStep.slice(1, -1)) assert.isBelow(calls, users.length / 5)
      assert.strictEqual(payments.charged.size, users.length)
      yield* running.stop
    }).pipe(Effect.provide(broker))
  )

  it.live("a process has at most 64 charges under way, however many are due", () =>
    Effect.gen(function* () {
      const waiting: Array<ServerResponse> = []
      let [underWay, most, isHeld] = [0, 0, true]
      const answer = (response: ServerResponse) => {
        underWay--
        response.writeHead(200).end()
      }
      const server = createServer((request, response) => {
        request.resume().on("end", () => {
          most = Math.max(most, ++underWay)
          if (isHeld) waiting.push(response)
          else answer(response)
        })
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => server.close())
      )
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const env = ConfigProvider.fromEnvRecord({ SIXFOLD_PAYMENT_URL: url })
      const charging = Effect.gen(function* () {
        const payments = yield* Payments
        const charge = (userId: string) => payments.charge(`key-${userId}`, userId, 1, "EUR")
        yield* Effect.forEach(users, charge, { concurrency: "unbounded" })
      }).pipe(Effect.provide(Layer.provide(paymentsLayer, ConfigProvider.layer(env))))
      const fiber = yield* Effect.forkChild(charging)
      while (waiting.length < 64) yield* Effect.sleep(1)
      // One more would come now, if it came at all.
      yield* Effect.promise(() =>
        fetch(`${url}/other`, { method: "POST", signal: AbortSignal.timeout(200) }).catch(() => 0)
      )
      assert.strictEqual(most, 65, "64 and the one of this test")
      isHeld = false
      for (const response of waiting) answer(response)
      yield* Fiber.join(fiber)
      assert.isAtMost(most, 65)
    })
  )
})
