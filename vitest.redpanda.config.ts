import { defineConfig } from "vitest/config"

/**
 * `npm run test:redpanda`: the port's contract on a real Redpanda, which is started in a container: needs Docker. The suites are those of
 * `npm run test:kafka` that hold a broker to the contract; the Java client and faults stay with Kafka.
 */
export default defineConfig({
  test: {
    include: ["test/contract/**/*.kafka.test.ts", "test/broker/{topics,trouble}.kafka.test.ts"],
    globalSetup: ["test/broker/redpanda-container.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
