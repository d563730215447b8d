import { spawnSync } from "node:child_process"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { readFileSync } from "node:fs"
import type { TestProject } from "vitest/node"

/** The image that the compose file pins. */
const image = /image: (redpandadata\/redpanda:\S+)/.exec(
  readFileSync(new URL("../../docker-compose.yml", import.meta.url), "utf8")
)![1]!

const docker = (...args: ReadonlyArray<string>): string => {
  const done = spawnSync("docker", args, { encoding: "utf8" })
  if (done.status !== 0) throw new Error(`docker ${args.join(" ")} failed: ${done.error?.message ?? done.stderr}`)
  return done.stdout.trim()
}

/** What the broker announces must be known before it starts. */
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** A Redpanda in a container for the run, removed at its end. Needs Docker; a failure where there is none. */
export default async function setup(project: TestProject) {
  const port = await freePort()
  const command =
    `run --detach --rm --publish 127.0.0.1:${port}:19092 ${image} ` +
    "redpanda start --mode=dev-container --smp=1 --memory=1G " +
    "--kafka-addr=internal://0.0.0.0:9092,external://0.0.0.0:19092 " +
    `--advertise-kafka-addr=internal://127.0.0.1:9092,external://127.0.0.1:${port}`
  const container = docker(...command.split(" "))
  try {
    docker("exec", container, "timeout", "60", "rpk", "cluster", "health", "--watch", "--exit-when-healthy")
  } catch (error) {
    docker("rm", "--force", container)
    throw error
  }
  project.provide("bootstrap", `127.0.0.1:${port}`)
  project.provide("saslBootstrap", "")
  return () => void docker("rm", "--force", container)
}
