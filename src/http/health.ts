import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Readiness } from "./readiness.ts"

/** The process answers: that is all it says. */
const live = HttpRouter.add("GET", "/health/live", HttpServerResponse.jsonUnsafe({ live: true }))

/** 200 `{"ready":true}`, or 503 with `{"error":"NotReady","message":…,"reasons":[{"name","reason"}]}`. */
const ready = HttpRouter.add(
  "GET",
  "/health/ready",
  Effect.gen(function* () {
    const reasons = yield* (yield* Readiness).unready
    if (reasons.length === 0) return HttpServerResponse.jsonUnsafe({ ready: true })
    const message = reasons.map(({ name, reason }) => `${name}: ${reason}`).join("; ")
    return HttpServerResponse.jsonUnsafe({ error: "NotReady", message, reasons }, { status: 503 })
  })
)

export const health = Layer.mergeAll(live, ready)
