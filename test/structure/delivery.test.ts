import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { image } from "../broker/redpanda-container.ts"
import { text } from "./source.ts"

interface Service {
  readonly image?: string
  readonly build?: string
  readonly user?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: ReadonlyArray<string>
  readonly volumes?: ReadonlyArray<string>
  readonly ports?: ReadonlyArray<string>
  readonly healthcheck?: object
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly stop_grace_period?: string
}
const compose = parse(text("docker-compose.yml"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
  readonly secrets: object
  readonly volumes: object
}
const services = Object.entries(compose.services)
const apps = ["app-1", "app-2", "app-3"]

interface Job {
  readonly "runs-on": string
  readonly "timeout-minutes"?: number
  readonly steps: ReadonlyArray<{ readonly uses?: string; readonly run?: string }>
}
const workflow = parse(text(".github/workflows/ci.yml")) as {
  readonly permissions: object
  readonly jobs: Readonly<Record<string, Job>>
}
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps)

const dockerfile = text("Dockerfile")
  .replaceAll("\\\n", " ")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
const instructions = (name: string) =>
  dockerfile.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1))

describe("docker-compose.yml", () => {
  it("runs three processes of the app, Redpanda, its console and PostgreSQL", () => {
    expect(services.map(([name]) => name).sort()).toEqual([...apps, "console", "postgres", "redpanda"])
  })

  it("gives each process of the app a name, a data directory and a port of its own", () => {
    const each = (of: (service: Service) => unknown) => apps.map((name) => JSON.stringify(of(compose.services[name]!)))
    expect(each(({ environment }) => environment?.["SIXFOLD_INSTANCE"])).toEqual(apps.map((name) => `"${name}"`))
    expect(new Set(each(({ volumes }) => volumes)).size).toBe(3)
    const ports = services.flatMap(([, { ports }]) => ports ?? []).map((port) => port.split(":")[1])
    expect(new Set(ports).size).toBe(ports.length)
  })

  it("pins every image to one version", () => {
    expect(
      services.filter(([, service]) => !/:v?\d+\.\d+[\w.-]*$/.test(service.image ?? "")).map(([name]) => name)
    ).toEqual([])
  })

  it("is what the Redpanda suite tests: the same image, through testcontainers", () => {
    expect(compose.services["redpanda"]?.image).toBe(image)
    expect(text("vitest.redpanda.config.ts")).toContain("test/broker/redpanda-container.ts")
    expect(text("test/broker/redpanda-container.ts")).toContain('from "testcontainers"')
  })

  it("runs nothing as root", () => {
    expect(services.filter(([, { user }]) => !user || /^(root|0)(:|$)/.test(user)).map(([name]) => name)).toEqual([])
  })

  it("publishes ports to this machine only", () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([])
  })

  it("holds no secret: passwords come from the environment, tokens from files", () => {
    const variables = services.flatMap(([, service]) => Object.entries(service.environment ?? {}))
    const secret = variables.filter(([name]) => /PASSWORD|TOKEN|KEY|DATABASE/.test(name))
    expect(secret.length).toBeGreaterThan(0)
    expect(
      secret.filter(([, value]) => !value.startsWith("/run/secrets/") && !value.includes("${POSTGRES_PASSWORD:?"))
    ).toEqual([])
  })

  it("declares every secret and volume that a service names", () => {
    const secrets = services.flatMap(([, service]) => service.secrets ?? [])
    const volumes = services.flatMap(([, service]) => service.volumes ?? []).map((volume) => volume.split(":")[0]!)
    expect(secrets.filter((name) => !(name in compose.secrets))).toEqual([])
    expect(volumes.filter((name) => !(name in compose.volumes))).toEqual([])
  })

  it("starts a service only after what it needs is healthy", () => {
    const needs = services.flatMap(([, service]) => Object.entries(service.depends_on ?? {}))
    expect(needs.length).toBeGreaterThan(0)
    expect(
      needs.filter(([name, { condition }]) => condition !== "service_healthy" || !compose.services[name]?.healthcheck)
    ).toEqual([])
  })

  it("gives the app a token before it lets it listen beyond loopback", () => {
    for (const app of apps) {
      const { environment } = compose.services[app]!
      expect(environment).toMatchObject({ SIXFOLD_HOST: "0.0.0.0", SIXFOLD_TOKEN_FILE: "/run/secrets/token" })
    }
  })

  it("leaves the app longer than its drain before it kills it", () => {
    for (const app of apps) {
      expect(Number.parseInt(compose.services[app]?.stop_grace_period ?? "0", 10)).toBeGreaterThan(10)
    }
  })
})

describe("Dockerfile", () => {
  it("builds on one pinned version of Node, the one the project pins", () => {
    const { dependencies } = JSON.parse(text("package.json")) as { dependencies: Record<string, string> }
    const images = instructions("FROM").map((line) => line.split(" ")[0])
    expect(new Set(images)).toEqual(new Set([`node:${dependencies["node"]}-trixie-slim`]))
  })

  it("ends as a user that is not root", () => {
    expect(instructions("USER").at(-1)).toBe("node")
  })

  it("installs exactly what the lock file says, without the tools of development", () => {
    expect(instructions("RUN").some((line) => line.includes("npm ci --omit=dev"))).toBe(true)
  })

  it("says whether it is healthy, and starts without a shell in between so that signals arrive", () => {
    expect(instructions("HEALTHCHECK")[0]).toContain("/health/ready")
    expect(JSON.parse(instructions("ENTRYPOINT")[0] ?? "null")).toEqual(["node", "bin/sixfold.js"])
  })

  it("copies only what .dockerignore lets through", () => {
    const allowed = text(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1))
    const copied = instructions("COPY")
      .filter((line) => !line.startsWith("--from"))
      .flatMap((line) => line.split(" ").slice(0, -1))
    expect(copied.filter((path) => !allowed.includes(path))).toEqual([])
  })
})

describe("the hosted workflow", () => {
  it("may only read", () => {
    expect(workflow.permissions).toEqual({ contents: "read" })
  })

  it("pins every action to a commit, and every runner to a version", () => {
    expect(steps.flatMap(({ uses }) => (uses && !/@[0-9a-f]{40}$/.test(uses) ? [uses] : []))).toEqual([])
    expect(Object.values(workflow.jobs).filter((job) => job["runs-on"].endsWith("latest"))).toEqual([])
  })

  it("bounds every job in time", () => {
    expect(
      Object.entries(workflow.jobs)
        .filter(([, job]) => !job["timeout-minutes"])
        .map(([name]) => name)
    ).toEqual([])
  })

  it("runs the gate, and what needs Docker", () => {
    const runs = steps.flatMap(({ run }) => run ?? [])
    const wanted = [".ci/run", "npm run test:redpanda", "docker compose config", "docker compose build"]
    expect(wanted.filter((command) => !runs.some((run) => run.includes(command)))).toEqual([])
  })

  it("calls only npm scripts that exist", () => {
    const { scripts } = JSON.parse(text("package.json")) as { scripts: Record<string, string> }
    const called = steps.flatMap(({ run }) => [...(run ?? "").matchAll(/npm run ([\w:]+)/g)].map((match) => match[1]!))
    expect(called.filter((name) => !(name in scripts))).toEqual([])
  })
})
