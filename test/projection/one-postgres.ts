import type { TestProject } from "vitest/node"
import { startPostgres } from "./postgres-server.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** postgres://…; absent where the tests run on SQLite. */
    readonly postgres: string
  }
}

/** One PostgreSQL for the run: `POSTGRES_URL`, or one of our own that ends with the run. */
export default async function setup(project: TestProject) {
  const given = process.env.POSTGRES_URL
  if (given !== undefined) {
    project.provide("postgres", given)
    return () => {}
  }
  const { end, url } = await startPostgres()
  project.provide("postgres", url)
  return end
}
