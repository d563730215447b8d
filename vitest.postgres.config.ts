import { defineConfig } from "vitest/config"

/**
 * `npm run test:postgres`: the projections on a PostgreSQL, which is started and ends with the run; `POSTGRES_URL` names one that
 * runs, whose user may create databases.
 */
export default defineConfig({
  test: {
    include: ["test/projection/{places,rebuild,trouble,fold}.test.ts", "test/**/*.postgres.test.ts"],
    globalSetup: ["test/projection/one-postgres.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
