import { Clock, Effect, Layer } from "effect"
import type { HttpClient } from "effect/http"
import { OtlpExporter, OtlpResource, OtlpSerialization } from "effect/observability"
import type { OtlpMetrics } from "effect/observability"
import { Actors } from "./actors.ts"
import { actorFamilies, processFamilies } from "./families.ts"
import type { Family } from "./families.ts"

type Metrics = OtlpMetrics.MetricsData["resourceMetrics"][number]["scopeMetrics"][number]["metrics"]

/** Cumulative, since `start`; times in nanoseconds since the epoch. Source: OTLP 1.x, `metrics.proto`. */
export const toOtlp = (families: ReadonlyArray<Family>, start: bigint, now: bigint): Metrics =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map(({ help, name, samples, type }) => {
      const dataPoints = samples.map(({ labels, value }) => ({
        attributes: OtlpResource.entriesToAttributes(Object.entries(labels)),
        startTimeUnixNano: String(start),
        timeUnixNano: String(now),
        asDouble: value
      }))
      const cumulative = 2
      return {
        name,
        description: help,
        ...(type === "gauge"
          ? { gauge: { dataPoints } }
          : { sum: { dataPoints, aggregationTemporality: cumulative, isMonotonic: true } })
      }
    })

/**
 * Exports what `/metrics` computes from the replicas' status, where the registry's own exporter would keep the series of a
 * partition that has moved away.
 */
export const layer = (options: {
  readonly url: string
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly resource: {
    readonly serviceName: string
    readonly serviceVersion: string
    readonly attributes: Readonly<Record<string, string>>
  }
  /** Milliseconds. */
  readonly interval: number
}): Layer.Layer<
  never,
  never,
  Actors | HttpClient.HttpClient | OtlpExporter.Flusher | OtlpSerialization.OtlpSerialization
> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { status } = yield* Actors
      const clock = yield* Clock.Clock
      const serialization = yield* OtlpSerialization.OtlpSerialization
      const resource = yield* OtlpResource.fromConfig(options.resource)
      const start = yield* clock.currentTimeNanos
      yield* OtlpExporter.make({
        label: "sixfold",
        url: options.url,
        headers: options.headers,
        exportInterval: options.interval,
        maxBatchSize: "disabled",
        exportEmpty: true,
        shutdownTimeout: "3 seconds",
        body: () => {
          const families = [...actorFamilies(status()), ...processFamilies()]
          const metrics = toOtlp(families, start, clock.currentTimeNanosUnsafe())
          const scopeMetrics = [{ scope: { name: "sixfold" }, metrics }]
          return [serialization.metrics({ resourceMetrics: [{ resource, scopeMetrics }] }), Effect.void]
        }
      })
    })
  )
