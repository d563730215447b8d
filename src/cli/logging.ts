import type { Layer } from "effect"
import { Context, Formatter, Logger, Tracer } from "effect"

/**
 * One JSON object a line: timestamp, level, message, cause, the log annotations, and `traceId` and `spanId` where the line was written
 * within a span.
 */
const jsonLine = Logger.make<unknown, string>((options) => {
  const { annotations, cause, level, message, timestamp } = Logger.formatStructured.log(options)
  const span = Context.getOrUndefined(options.fiber.context, Tracer.ParentSpan)
  const own = { timestamp, level, message, ...(cause === undefined ? {} : { cause }) }
  // First for who reads it, and last so that no annotation takes their place.
  return Formatter.formatJson({
    ...own,
    ...annotations,
    ...own,
    ...(span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId })
  })
})

export type LogFormat = "pretty" | "json"

export const layer = (format: LogFormat): Layer.Layer<never> =>
  Logger.layer([format === "json" ? Logger.withConsoleLog(jsonLine) : Logger.consolePretty()])
