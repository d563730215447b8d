import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

/**
 * `npm test`: everything that needs no broker, no Docker and no browser. A suite that does is named
 * `*.kafka.test.ts`, `*.redpanda.test.ts`, `*.postgres.test.ts`, `*.deno.test.ts`, `*.stories.test.ts` or
 * `*.browser.test.ts`, or lies in
 * `test/faults` or `test/soak`, and has its own `vitest.<name>.config.ts` and npm script.
 */
export default defineConfig({
  // "sixfold" means the sources here, and dist/ in the package; the others are Vite's defaults.
  ssr: { resolve: { conditions: ["sixfold-source", "module", "node", "development|production"] } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [
      "test/**/*.{kafka,redpanda,postgres,deno,browser,stories,package}.test.ts",
      "test/faults/**",
      "test/soak/**"
    ],
    pool: "forks",
    maxWorkers: Math.min(4, availableParallelism()),
    // A hang is a failure; no test measures time, and machines are busy.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
