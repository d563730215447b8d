import { Deferred, Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
}

interface Resource {
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: { readonly stringValue?: string } }>
}

interface Got {
  readonly path: string | undefined
  readonly token: string | undefined
  readonly body: {
    readonly resourceSpans?: ReadonlyArray<{
      readonly resource: Resource
      readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }>
    }>
    readonly resourceMetrics?: ReadonlyArray<{
      readonly resource: Resource
      readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<{ readonly name: string }> }>
    }>
  }
}

/** Takes what is exported, as a collector would. */
export const collector = Effect.gen(function* () {
  const got: Array<Got> = []
  let wake = () => {}
  const server = createServer((request, response) => {
    const chunks: Array<Uint8Array> = []
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Got["body"]
      got.push({ path: request.url, token: request.headers["x-token"] as string | undefined, body })
      response.end("{}")
      wake()
    })
  })
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
    }),
    () => Effect.sync(() => server.close().closeAllConnections())
  )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Of everything that came, by name. */
    resources: () =>
      got
        .flatMap(({ body }) => [...(body.resourceSpans ?? []), ...(body.resourceMetrics ?? [])])
        .map(({ resource }) =>
          Object.fromEntries(resource.attributes.map(({ key, value }) => [key, value.stringValue]))
        ),
    spans: () => got.flatMap(({ body }) => body.resourceSpans ?? []).flatMap((each) => each.scopeSpans[0]!.spans),
    metrics: () =>
      got.flatMap(({ body }) => body.resourceMetrics ?? []).flatMap((each) => each.scopeMetrics[0]!.metrics),
    got,
    until: (holds: () => boolean) =>
      Effect.gen(function* () {
        while (!holds()) {
          const more = yield* Deferred.make<void>()
          wake = () => Deferred.doneUnsafe(more, Effect.void)
          yield* Deferred.await(more)
        }
      })
  }
})
