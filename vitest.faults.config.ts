import { defineConfig } from "vitest/config"

/** `npm run test:faults`: what is done to three real brokers. They are started here, which needs Java 17 and mvn. */
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 300_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
