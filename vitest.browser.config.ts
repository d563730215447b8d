import { defineConfig } from "vitest/config"

/**
 * `npm run test:browser`: the dashboard in a headless Chromium, on the program as a user starts it. `CHROMIUM_PATH` names the browser; else
 * it is found on the PATH.
 */
export default defineConfig({
  test: {
    include: ["test/**/*.browser.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
