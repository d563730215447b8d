import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { fileURLToPath } from "node:url"
import { describe } from "vitest"
import { collector } from "./collector.ts"
import { run } from "./process.ts"

const main = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))
const node = Effect.provide(NodeServices.layer)

const start = Effect.fnUntraced(function* (variables: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const data = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "data")
  const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  return yield* run("/usr/bin/env", ...assignments, process.execPath, main, "start", "--port", "0", "--data", data)
})

const url = (running: Effect.Success<ReturnType<typeof run>>) =>
  Effect.map(running.line(/ is up at /), (line) => /http:\/\/\S+/.exec(line)![0])

const order = (at: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.promise(async () => {
    const body = JSON.stringify({ orderId: "o1", userId: "u1", items: [{ sku: "s1", quantity: 1, price: 1 }] })
    const all = { "content-type": "application/json", ...headers }
    return (await fetch(`${at}/checkouts`, { method: "POST", headers: all, body })).status
  })

describe("telemetry", () => {
  it.live("is exported: one trace from the request through the actors, and the metrics", () =>
    Effect.gen(function* () {
      const { got, metrics, resources, spans, until, url: endpoint } = yield* collector
      const running = yield* start({
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_HEADERS: "x-token=secret",
        OTEL_METRIC_EXPORT_INTERVAL: "500",
        OTEL_RESOURCE_ATTRIBUTES: "team=night,service.name=orders",
        SIXFOLD_INSTANCE: "one"
      })
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      expect(yield* order(yield* url(running), { traceparent: `00-${traceId}-b7ad6b7169203331-01` })).toBe(202)
      const inventory = () => spans().find(({ name }) => name.startsWith("inventory "))
      yield* until(() => inventory() !== undefined)
      const parents: Array<string> = []
      for (
        let span = inventory();
        span !== undefined;
        span = spans().find(({ spanId }) => spanId === span?.parentSpanId)
      ) {
        expect(span.traceId).toBe(traceId)
        parents.push(span.name.split(" ")[0]!)
      }
      expect(parents.slice(0, 2)).toEqual(["inventory", "checkout"])
      expect(parents.at(-1)).toMatch(/POST/)
      yield* until(() => {
        const names = new Set(metrics().map(({ name }) => name))
        return ["sixfold_partition_lag", "sixfold_settle_seconds", "process_resident_memory_bytes"].every((name) =>
          names.has(name)
        )
      })
      expect(new Set(got.map(({ token }) => token))).toEqual(new Set(["secret"]))
      // Two processes' series are two.
      const own = { "service.instance.id": "one", "service.name": "orders", team: "night" }
      for (const attributes of resources()) expect(attributes).toMatchObject(own)
      expect(new Set(got.map(({ path }) => path))).toEqual(new Set(["/v1/traces", "/v1/metrics"]))
    }).pipe(node)
  )

  it.live("that reaches nobody harms nothing", () =>
    Effect.gen(function* () {
      const running = yield* start({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" })
      const at = yield* url(running)
      expect(yield* order(at)).toBe(202)
      yield* running.kill("SIGTERM")
      expect(yield* running.ended).toEqual({ code: 0, signal: null })
    }).pipe(node)
  )

  it.live.each([{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318x" }, { OTEL_RESOURCE_ATTRIBUTES: "team=%zz" }])(
    "that cannot be understood is a usage error: %j",
    (variables) =>
      Effect.gen(function* () {
        const running = yield* start({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", ...variables })
        expect(yield* running.ended).toEqual({ code: 2, signal: null })
        expect(running.stderr()).toMatch(/^sixfold: OpenTelemetry: .*OTEL_\w+.*\n$/)
      }).pipe(node)
  )
})
