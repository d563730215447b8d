import { Effect, Option } from "effect"
import { findInstalledApps, listSites, siteProjector } from "../../../actors/sites/installed-apps.ts"
import { siteMetadata, siteMetadataCdc } from "../../../actors/sites/topics.ts"
import { Topology } from "../../../src/index.ts"
import { Kafka } from "../../../src/kafka/kafka.ts"
import { partitionFor } from "../../../src/kafka/partitioner.ts"

export const topology = Topology.make("sites", siteProjector)

export interface Sent {
  readonly topic: typeof siteMetadata | typeof siteMetadataCdc
  readonly key: string
  /** As JSON; null: a tombstone. */
  readonly value: unknown
}

/** A site as its owner publishes it; null: deleted. */
export const plain = (key: string, version: number | null, apps: ReadonlyArray<string> = []): Sent => ({
  topic: siteMetadata,
  key,
  value: version === null ? null : { owner: "ada", version, installedApps: apps, plan: "pro" }
})

const row = (key: string, version: number, apps: ReadonlyArray<string>) => ({
  site_id: key,
  owner: "ada",
  version,
  installed_apps: apps
})

/** What the connector writes, without schemas: the row inserted (c), updated (u), read by a snapshot (r), or deleted (d). */
export const cdc = (
  op: "c" | "u" | "r" | "d",
  key: string,
  version: number,
  apps: ReadonlyArray<string> = []
): Sent => ({
  topic: siteMetadataCdc,
  key: JSON.stringify({ site_id: key }),
  value: {
    op,
    before: op === "d" || op === "u" ? row(key, version, apps) : null,
    after: op === "d" ? null : row(key, version, apps),
    source: { connector: "postgresql", table: "sites" },
    ts_ms: 1
  }
})

/** The null that follows a delete. */
export const cdcNull = (key: string): Sent => ({
  topic: siteMetadataCdc,
  key: JSON.stringify({ site_id: key }),
  value: null
})

/** The same event as a connector with schemas writes it. */
export const withSchemas = ({ key, topic, value }: Sent): Sent => ({
  topic,
  key: JSON.stringify({ schema: { type: "struct" }, payload: JSON.parse(key) as unknown }),
  value: { schema: { type: "struct", name: "sites.Envelope" }, payload: value }
})

const utf8 = new TextEncoder()

/** As another program writes it, in this order per topic. */
export const send = (...records: ReadonlyArray<Sent>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const kafka = yield* Kafka
      yield* kafka.topics.ensure([siteMetadata.spec, siteMetadataCdc.spec])
      const producer = yield* kafka.producer
      yield* producer.send(
        records.map(({ key, topic, value }) => ({
          topic: topic.name,
          partition: partitionFor(utf8.encode(key), topic.spec.partitions),
          key: utf8.encode(key),
          value: value === null ? null : utf8.encode(JSON.stringify(value)),
          headers: [],
          timestamp: 0
        }))
      )
    })
  )

/** The ids of the sites that have the app, as one page. */
export const sitesOf = (appId: string, after: string, limit: number) =>
  Effect.map(listSites(appId, after, limit), ({ sites }) => JSON.parse(sites) as ReadonlyArray<string>)

/** What the table says of a site, with its apps read. */
export const siteOf = (siteId: string) =>
  Effect.map(
    findInstalledApps(siteId),
    Option.map(({ apps, ...site }) => ({ ...site, apps: JSON.parse(apps) as ReadonlyArray<string> }))
  )
