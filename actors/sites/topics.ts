import { Result, Schema, SchemaGetter } from "effect"
import { Topic } from "../../src/index.ts"
import { ConfigValue } from "../config/site-config.ts"

/** Of two versions of a site the greater is the later, whatever the order in which they arrive. */
const Version = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** Of a site or an app: part of a path, of a key and of an index, so short, and text that every database holds. */
export const Id = Schema.String.check(
  Schema.isPattern(/^[^\p{Cc}\p{Cs}]{1,200}$/u, { expected: "an id of 1 to 200 characters, no control characters" })
)
const Apps = Schema.Array(Id).check(Schema.isMaxLength(10_000))

/** What is known of a site; only the version and the apps are projected, the rest is published as it came. */
export const SiteMetadata = Schema.StructWithRest(
  Schema.Struct({ owner: Schema.optionalKey(Schema.String), version: Version, installedApps: Apps }),
  [Schema.Record(Schema.String, ConfigValue)]
)
export type SiteMetadata = typeof SiteMetadata.Type

/** Sites as their owners publish them, keyed siteId. A null deletes. */
export const siteMetadata = Topic.make("site-metadata", { key: Id, value: SiteMetadata, cleanup: "compact" })

/**
 * The site that a connector's key names: as text, as JSON text, or by the key column, with or without a schema. Empty where it
 * names none.
 */
const siteOfKey = (key: string): string => {
  const json: unknown = Result.getOrElse(
    Result.try((): unknown => JSON.parse(key)),
    () => key
  )
  if (typeof json !== "object" || json === null) return typeof json === "string" ? json : key
  const columns = "payload" in json ? json.payload : json
  const id = typeof columns === "object" && columns !== null && "site_id" in columns ? columns.site_id : columns
  return typeof id === "string" || typeof id === "number" ? String(id) : ""
}

const CdcKey = Schema.String.pipe(
  Schema.decodeTo(Id, {
    decode: SchemaGetter.transform(siteOfKey),
    encode: SchemaGetter.transform((siteId: string) => JSON.stringify({ site_id: siteId }))
  })
)

/** A row of the table of sites, as far as it is projected. PostgreSQL's JSON columns come as text. */
const Row = Schema.Struct({ version: Version, installed_apps: Schema.Union([Apps, Schema.fromJsonString(Apps)]) })

/** A row inserted, updated, or read by a snapshot. */
const Upsert = Schema.Struct({ op: Schema.Literals(["c", "u", "r"]), after: Row })

/** Without the whole row (`REPLICA IDENTITY FULL`) the deleted version is unknown. */
const Delete = Schema.Struct({
  op: Schema.Literal("d"),
  before: Schema.optionalKey(Schema.NullOr(Schema.Struct({ version: Schema.optionalKey(Schema.NullOr(Version)) })))
})

const Envelope = Schema.Union([Upsert, Delete])

/** Debezium's change events of the table of sites, as its JSON converter writes them with schemas and without. */
export const siteMetadataCdc = Topic.make("site-metadata.cdc", {
  key: CdcKey,
  value: Schema.Union([Schema.Struct({ payload: Envelope }), Envelope])
})
