import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { GenericContainer, Wait } from "testcontainers"
import type { TestProject } from "vitest/node"
import { parse } from "yaml"

/** The image that the compose file pins. */
export const image = (
  parse(readFileSync(new URL("../../docker-compose.yml", import.meta.url), "utf8")) as {
    readonly services: { readonly redpanda: { readonly image: string } }
  }
).services.redpanda.image

/** What the broker announces must be known before it starts. */
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const inside = 19092
const command = (port: number) => [
  "redpanda",
  "start",
  "--mode=dev-container",
  "--smp=1",
  "--memory=1G",
  `--kafka-addr=internal://0.0.0.0:9092,external://0.0.0.0:${inside}`,
  `--advertise-kafka-addr=internal://127.0.0.1:9092,external://127.0.0.1:${port}`
]

/** A Redpanda in a container for the run, removed at its end, also when the run is killed. Needs Docker; a failure where there is none. */
export default async function setup(project: TestProject) {
  const port = await freePort()
  const container = await new GenericContainer(image)
    .withCommand(command(port))
    .withExposedPorts({ container: inside, host: port })
    .withWaitStrategy(Wait.forSuccessfulCommand("rpk cluster health --exit-when-healthy"))
    .withStartupTimeout(120_000)
    .start()
  project.provide("bootstrap", `127.0.0.1:${port}`)
  project.provide("secured", null)
  return async () => {
    await container.stop()
  }
}
