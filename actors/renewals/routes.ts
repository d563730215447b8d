import { Effect, Layer, Option, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { json, jsonBody, Log, problem, requestedChannel } from "../../src/index.ts"
import { subscriptionsView } from "./subscriptions-view.ts"
import { subscriptions, Terms, UserId } from "./topics.ts"

const userId = Effect.map(HttpRouter.schemaPathParams(Schema.Struct({ userId: UserId })), ({ userId }) => userId)

/** 202: the terms hold from the next due time on, whether they are new or changed. */
const putSubscription = HttpRouter.add(
  "PUT",
  "/subscriptions/:userId",
  Effect.gen(function* () {
    const id = yield* userId
    const channel = yield* requestedChannel
    const terms = yield* jsonBody(Terms)
    const reported = channel === undefined ? {} : { channel }
    yield* (yield* Log).append(subscriptions, id, { _tag: "Subscribe", ...terms, ...reported })
    return json({ userId: id, channel: channel ?? null }, 202)
  })
)

/** 202, also for a user without a subscription: the view may not know it yet. */
const deleteSubscription = HttpRouter.add(
  "DELETE",
  "/subscriptions/:userId",
  Effect.gen(function* () {
    const id = yield* userId
    yield* (yield* Log).append(subscriptions, id, { _tag: "Cancel" })
    return json({ userId: id }, 202)
  })
)

const getSubscription = HttpRouter.add(
  "GET",
  "/subscriptions/:userId",
  Effect.gen(function* () {
    const id = yield* userId
    return Option.match(yield* subscriptionsView.find(id), {
      onNone: () => problem(404, "UnknownSubscription", `no subscription of ${JSON.stringify(id)}`),
      onSome: (account) => json({ userId: id, ...account })
    })
  })
)

/** The routes of subscriptions; the GET reads a SQL view. */
export const renewalRoutes = Layer.mergeAll(putSubscription, deleteSubscription, getSubscription)
