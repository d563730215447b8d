import { defineConfig } from "vitest/config"

/**
 * `npm run test:kafka`: what needs one real broker. `KAFKA_BROKERS` (host:port, comma-separated) names one that runs; else an Apache Kafka is
 * started, which needs Java 17 and mvn.
 */
export default defineConfig({
  test: {
    include: ["test/**/*.kafka.test.ts"],
    globalSetup: ["test/broker/one-broker.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 240_000,
    hookTimeout: 600_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
