import { defineConfig } from "vitest/config"

/** `npm run test:deno`: the program on Deno, which the package `deno` brings. */
export default defineConfig({
  test: {
    include: ["test/**/*.deno.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 30_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
