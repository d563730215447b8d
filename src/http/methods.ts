import { Context, Effect, Layer } from "effect"
import { FindMyWay, HttpRouter } from "effect/http"

const methods: ReadonlyArray<string> = ["GET", "POST", "PUT", "PATCH", "DELETE"]
const isMethod = (method: string): boolean => methods.includes(method)

/**
 * Keys, e-mail addresses and the like are in paths, percent-encoded: the router's own limit of 100 characters is too short for them.
 * As long as Node lets the head of a request be, so that an operator can name whatever key an actor is held by.
 */
export const routerConfig = { maxParamLength: 16_384 }

/** Which methods a path has: what tells "no such thing" (404) from "not like this" (405). */
export class Methods extends Context.Service<
  Methods,
  {
    of(path: string): ReadonlyArray<string>
    add(method: string, path: HttpRouter.PathInput): void
    /** All that were added, in that order. */
    routes(): ReadonlyArray<{ readonly method: string; readonly path: string }>
  }
>()("sixfold/http/Methods") {
  static readonly layer: Layer.Layer<Methods> = Layer.sync(Methods, () => {
    const known = FindMyWay.make<true>(routerConfig)
    const added: Array<{ readonly method: string; readonly path: string }> = []
    return {
      of: (path) => methods.filter((method) => known.find(method, path) !== undefined),
      add: (method, path) => {
        // A wildcard (static files) would make every unknown path a known one.
        if (path.endsWith("*") || !isMethod(method) || known.has(method, path)) return
        known.on(method, path, true)
        added.push({ method, path })
      },
      routes: () => added
    }
  })
}

const recording = (
  router: HttpRouter.HttpRouter,
  known: Methods["Service"],
  prefix: string | undefined
): HttpRouter.HttpRouter => {
  const full = (path: HttpRouter.PathInput) =>
    (prefix === undefined ? path : HttpRouter.prefixPath(path, prefix)) as HttpRouter.PathInput
  return HttpRouter.HttpRouter.of({
    ...router,
    prefixed: (added) =>
      recording(router.prefixed(added), known, prefix === undefined ? added : HttpRouter.prefixPath(added, prefix)),
    add: (method, path, handler, options) => {
      known.add(method, full(path))
      return router.add(method, path, handler, options)
    },
    addAll: (routes) => {
      for (const { method, path } of routes) known.add(method, full(path))
      return router.addAll(routes)
    }
  })
}

/** A router that also notes which methods its paths have. */
export const layerRouter: Layer.Layer<HttpRouter.HttpRouter, never, Methods> = Layer.effect(
  HttpRouter.HttpRouter,
  Effect.gen(function* () {
    const router = yield* HttpRouter.make
    return recording(router, yield* Methods, undefined)
  })
).pipe(Layer.provide(Layer.succeed(HttpRouter.RouterConfig, routerConfig)))
