import { expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ConfigProvider, Effect, FileSystem, Layer, Redacted } from "effect"
import { fileURLToPath } from "node:url"
import { describe, inject } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import type { KafkaError } from "../../src/kafka/errors.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { run } from "../cli/process.ts"
import { readAll, record, text, unique } from "./clients.ts"
import * as Properties from "./properties.ts"

const main = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))
const bootstrap = inject("bootstrap")
const secured = inject("secured")
/** Where the broker is not ours there are none of these listeners. */
const { authority, sasl, saslTls, tls } = secured ?? { authority: "", sasl: "", saslTls: "", tls: "" }
const trusting = { ca: authority }

const as = (mechanism: Cluster.Sasl["mechanism"], password = Properties.password): Cluster.Sasl => ({
  mechanism,
  username: Properties.user,
  password: Redacted.make(password)
})
const mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const

/** What is written through the listener comes back through it. */
const works = (options: Cluster.ClusterOptions) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const at = { topic: unique("secured"), partition: 0 }
    yield* kafka.topics.ensure([{ name: at.topic, partitions: 1, cleanup: "delete" }])
    yield* (yield* kafka.producer).send([record(at, "through")])
    const found = yield* readAll([at])
    expect(found.get(`${at.topic}/0`)!.map(({ value }) => text(value))).toEqual(["through"])
  }).pipe(Effect.scoped, Effect.provide(Cluster.layer(options)))

/** Why it does not, with the patience a user has who sets none. */
const failure = (options: Cluster.ClusterOptions): Effect.Effect<KafkaError, unknown> =>
  Effect.flip(Effect.scoped(Layer.build(Cluster.layer(options)))).pipe(Effect.timeout("30 seconds"))

describe.skipIf(secured === null)("a listener that wants", () => {
  it.live.each(mechanisms)("SASL: %s lets in with the right password", (mechanism) =>
    works({ brokers: [sasl], sasl: as(mechanism) })
  )

  it.live.each(mechanisms)(
    "SASL: %s with a wrong one is told, by broker, mechanism and user, never by password",
    (mechanism) =>
      Effect.gen(function* () {
        const { message, reason } = yield* failure({ brokers: [sasl], sasl: as(mechanism, "guessed") })
        expect(reason).toBe("Unauthorized")
        expect(message).toContain(sasl)
        expect(message).toContain(`${mechanism} as ${Properties.user}`)
        expect(message).not.toContain("guessed")
      })
  )

  // Either broker hangs up without a word: both are asked for the quarter of a minute that a first answer may take.
  it.live("SASL, or TLS: a client without names the broker and the setting", () =>
    Effect.gen(function* () {
      const errors = yield* Effect.all([failure({ brokers: [sasl] }), failure({ brokers: [tls] })], { concurrency: 2 })
      expect(errors.map(({ reason }) => reason)).toEqual(["Unavailable", "Unavailable"])
      expect(errors[0].message).toContain(sasl)
      expect(errors[1].message).toContain(tls)
      for (const { message } of errors) expect(message).toContain("(tls off, sasl off)")
    })
  )

  it.live("TLS: lets in who knows its authority", () => works({ brokers: [tls], tls: trusting }))

  it.live("TLS: who does not know its authority is told, and goes no further", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* failure({ brokers: [tls], tls: true })
      expect(reason).toBe("Unauthorized")
      expect(message).toContain(tls)
      expect(message).toMatch(/certificate.*\(tls on, sasl off\)$/)
    })
  )

  it.live("TLS: a certificate for another host is none", () =>
    Effect.gen(function* () {
      // The same address in a spelling that the certificate does not have.
      const elsewhere = tls.replace("127.0.0.1", "127.1")
      const { message, reason } = yield* failure({ brokers: [elsewhere], tls: trusting })
      expect(reason).toBe("Unauthorized")
      expect(message).toContain(elsewhere)
    })
  )

  it.live.each(mechanisms)("TLS and SASL: %s works over it", (mechanism) =>
    works({ brokers: [saslTls], tls: trusting, sasl: as(mechanism) })
  )

  it.live("nothing: SASL against it names the broker and the setting", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* failure({ brokers: bootstrap.split(","), sasl: as("SCRAM-SHA-256") })
      expect(reason).toBe("Unauthorized")
      expect(message).toContain(bootstrap.split(",")[0]!)
      expect(message).toContain("SCRAM-SHA-256 as")
    })
  )

  const configured = (env: Record<string, string>) =>
    Effect.scoped(Layer.build(Cluster.layerConfig({ brokers: [sasl], patience: 2_000 }))).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
    )
  const credentials = {
    SIXFOLD_KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
    SIXFOLD_KAFKA_SASL_USERNAME: Properties.user,
    SIXFOLD_KAFKA_SASL_PASSWORD: Properties.password
  }

  it.live("SASL: takes its credentials from the environment; half of them are an error", () =>
    Effect.gen(function* () {
      yield* configured(credentials)
      const none = yield* Effect.flip(configured({}))
      expect(none).toMatchObject({ _tag: "KafkaError" })
      expect(none.message).toContain("sasl off")
      const { SIXFOLD_KAFKA_SASL_PASSWORD: _, ...half } = credentials
      const error = yield* Effect.flip(configured(half))
      expect(error).toMatchObject({ _tag: "ConfigError" })
      expect(error.message).toContain("SIXFOLD_KAFKA_SASL_PASSWORD")
    })
  )

  it.live("TLS: a program is told of a private authority as any Node program is", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      yield* fs.writeFileString(file, authority)
      const topics = Effect.fnUntraced(function* (...env: ReadonlyArray<string>) {
        const program = [process.execPath, main, "topics", "--kafka", tls]
        const { ended, stderr } = yield* run("env", "SIXFOLD_KAFKA_TLS=true", ...env, ...program)
        const { code } = yield* ended
        return code === 0 ? "" : stderr()
      })
      // Whether the topics are there depends on the files before this one: they were looked for.
      expect(yield* topics(`NODE_EXTRA_CA_CERTS=${file}`)).toMatch(/^$|topics are not as declared\n$/)
      expect(yield* topics()).toMatch(new RegExp(`^sixfold: .*${tls}.*certificate.*\\(tls on, sasl off\\)\n$`))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
