import { defineConfig } from "vitest/config"

/**
 * `npm run soak`: all six patterns in three processes on three brokers and one PostgreSQL, with a fault every few seconds. Ten
 * minutes; `SOAK_MINUTES`, `SOAK_EVERY` (seconds between faults) and `SOAK_SEED` say otherwise. `KAFKA_KEEP=1` keeps
 * the brokers' logs, `STORIES_LOG` is a directory for what the processes say. Needs Linux, Java 17 and mvn.
 */
export default defineConfig({
  test: {
    include: ["test/soak/**/*.test.ts"],
    globalSetup: ["test/projection/one-postgres.ts"],
    pool: "forks",
    maxWorkers: 1,
    hookTimeout: 180_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
