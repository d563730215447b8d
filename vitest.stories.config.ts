import { defineConfig } from "vitest/config"

/**
 * `npm run test:stories`: whole processes on a real broker and a real PostgreSQL. `KAFKA_BROKERS` and `POSTGRES_URL` name ones that run; else
 * they are started, which needs Java 17 and mvn. The dashboard
 * is looked at in a Chromium, as in `npm run test:browser`. Topics and tables are shared by all files: they are one system's.
 */
export default defineConfig({
  test: {
    include: ["test/stories/**/*.stories.test.ts"],
    globalSetup: ["test/broker/one-broker.ts", "test/projection/one-postgres.ts"],
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 180_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
