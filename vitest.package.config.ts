import { defineConfig } from "vitest/config"

/**
 * `npm run test:package`: the tarball of `npm pack`, installed in a project of its own: the one that docs/guide.md makes. Asks npm's
 * registry for what npm has not in its cache.
 */
export default defineConfig({
  test: {
    include: ["test/package/*.package.test.ts"],
    globalSetup: ["test/package/project.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    allowOnly: false,
    passWithNoTests: false
  }
})
