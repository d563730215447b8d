import { defineConfig } from "vitest/config"

/**
 * `npm run test:faults`: what is done to three real brokers, which each file starts for itself; this needs Java 17 and mvn. Two files
 * run side by side: they wait most of the time.
 */
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    globalSetup: ["test/broker/jars.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 900_000,
    hookTimeout: 600_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
