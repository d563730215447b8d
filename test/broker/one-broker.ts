import type { TestProject } from "vitest/node"
import { start } from "./kafka.ts"
import type { Secured } from "./kafka.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** host:port, comma-separated. */
    readonly bootstrap: string
    /** Its listeners for TLS and SASL; none where the broker is not ours. */
    readonly secured: Secured | null
  }
}

/** One broker for the run: `KAFKA_BROKERS`, or an Apache Kafka of our own that ends with the run. */
export default async function setup(project: TestProject) {
  const given = process.env.KAFKA_BROKERS
  if (given !== undefined) {
    project.provide("bootstrap", given)
    project.provide("secured", null)
    return () => {}
  }
  const cluster = await start(process.env.KAFKA_COUNT === "3" ? 3 : 1)
  project.provide("bootstrap", cluster.bootstrap)
  project.provide("secured", cluster.secured)
  return () => cluster.stop()
}
