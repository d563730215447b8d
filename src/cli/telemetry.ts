import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Config, Effect, Layer, Option, Random, Schema, Tracer } from "effect"
import type { HttpClient } from "effect/http"
import { HttpMiddleware } from "effect/http"
import { OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import type { OtlpExporter } from "effect/observability"
import type { Actors } from "../supervision/actors.ts"
import * as Otlp from "../supervision/otlp.ts"
import { UsageError } from "./usage.ts"
import { version } from "./version.ts"

type Exporting = OtlpExporter.Flusher | HttpClient.HttpClient | OtlpSerialization.OtlpSerialization

/** The parts of a program that export. */
export interface Telemetry {
  /** Spans, and what is counted; goes around everything. */
  readonly base: Layer.Layer<Exporting>
  /** What the replicas' status tells, after the replicas are there. */
  readonly actors: Layer.Layer<never, never, Actors | Exporting>
}

const settings = Config.all({
  isDisabled: Config.Boolean("OTEL_SDK_DISABLED").pipe(Config.withDefault(false)),
  endpoint: Config.option(Config.URL("OTEL_EXPORTER_OTLP_ENDPOINT")),
  headers: Config.option(Config.Record(Schema.String, Schema.StringFromUriComponent, "OTEL_EXPORTER_OTLP_HEADERS")),
  protocol: Config.Literals(["http/protobuf", "http/json"], "OTEL_EXPORTER_OTLP_PROTOCOL").pipe(
    Config.withDefault("http/protobuf" as const)
  ),
  serviceName: Config.option(Config.NonEmptyString("OTEL_SERVICE_NAME")),
  attributes: Config.Record(Schema.StringFromUriComponent, Schema.StringFromUriComponent, "OTEL_RESOURCE_ATTRIBUTES", {
    trim: true,
    keepEmptyValues: true
  }).pipe(Config.withDefault({} as Readonly<Record<string, string>>)),
  sampler: Config.Literals(["parentbased_always_on", "parentbased_traceidratio"], "OTEL_TRACES_SAMPLER").pipe(
    Config.withDefault("parentbased_always_on" as const)
  ),
  ratio: Config.Finite("OTEL_TRACES_SAMPLER_ARG").pipe(Config.withDefault(1)),
  interval: Config.Int("OTEL_METRIC_EXPORT_INTERVAL").pipe(Config.withDefault(60_000))
})

/** Of the traces that begin here this part is exported; one that came with a message or a request keeps its own mark. */
const sampled = (ratio: number) =>
  Layer.effect(
    Tracer.Tracer,
    Effect.gen(function* () {
      const inner = yield* Tracer.Tracer
      const random = yield* Random.Random
      const isOut = () => random.nextDoubleUnsafe() >= ratio
      const span: Tracer.Tracer["span"] = (options) =>
        inner.span(Option.isNone(options.parent) && isOut() ? { ...options, sampled: false } : options)
      return Tracer.make({ span, ...(inner.context && { context: inner.context }) })
    })
  )

/** What asks all day long would drown what is asked for. */
const quiet = Layer.succeed(
  HttpMiddleware.TracerDisabledWhen,
  ({ url }) => url.startsWith("/health/") || url === "/metrics"
)

/**
 * OpenTelemetry over OTLP/HTTP of a process by its instance name, set by the standard variables: `OTEL_EXPORTER_OTLP_ENDPOINT` (without it
 * nothing is exported), `…_HEADERS`, `…_PROTOCOL` (`http/protobuf`, the default, or `http/json`), `OTEL_SERVICE_NAME` (default the
 * topology's name), `OTEL_RESOURCE_ATTRIBUTES` (default `service.instance.id`, or the processes' series would be taken for one), `OTEL_TRACES_SAMPLER` (`parentbased_always_on`, the default, or `parentbased_traceidratio`) with `…_ARG`,
 * `OTEL_METRIC_EXPORT_INTERVAL` (milliseconds, default 60,000), `OTEL_SDK_DISABLED`. An endpoint that is away loses telemetry and
 * nothing else. Fails with a `UsageError` for a variable that cannot be understood. Source: OpenTelemetry specification 1.x,
 * "Environment variables" and "OTLP exporter".
 */
export const read = (topology: string): Effect.Effect<Option.Option<(instance: string) => Telemetry>, UsageError> =>
  Effect.gen(function* () {
    const { attributes, endpoint, headers, interval, isDisabled, protocol, ratio, sampler, serviceName } =
      yield* settings
    if (isDisabled || Option.isNone(endpoint)) return Option.none()
    if (!/^https?:$/.test(endpoint.value.protocol)) {
      const message = "OpenTelemetry: OTEL_EXPORTER_OTLP_ENDPOINT: expected an address, such as http://127.0.0.1:4318"
      return yield* new UsageError({ message })
    }
    const resourceOf = (instance: string) => ({
      serviceName: Option.getOrElse(serviceName, () => attributes["service.name"] ?? topology),
      serviceVersion: attributes["service.version"] ?? version,
      attributes: { "service.instance.id": instance, ...attributes }
    })
    return Option.some((instance: string) => {
      const to = (signal: string) => ({
        url: `${endpoint.value.href.replace(/\/$/, "")}/v1/${signal}`,
        headers: Option.getOrUndefined(headers),
        resource: resourceOf(instance)
      })
      const tracer = OtlpTracer.layer(to("traces"))
      const base = Layer.mergeAll(
        sampler === "parentbased_traceidratio" ? Layer.provideMerge(sampled(ratio), tracer) : tracer,
        OtlpMetrics.layer({ ...to("metrics"), exportInterval: interval }),
        quiet
      ).pipe(
        Layer.provideMerge(protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf),
        Layer.provideMerge(NodeHttpClient.layerNodeHttp)
      )
      return { base, actors: Otlp.layer({ ...to("metrics"), interval }) }
    })
  }).pipe(
    Effect.catchTag("ConfigError", ({ message }) =>
      Effect.fail(new UsageError({ message: `OpenTelemetry: ${message.replaceAll(/\s+/g, " ")}` }))
    )
  )
