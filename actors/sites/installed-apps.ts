import { Array as Arr, Effect, Option, Schema, SchemaGetter } from "effect"
import { SqlClient } from "effect/sql"
import { Projection } from "../../src/projection/index.ts"
import { siteMetadata, siteMetadataCdc } from "./topics.ts"
import { changed, type Site, type SiteChange } from "./versions.ts"

/** The view behind `GET /sites/{siteId}/installed-apps` and `GET /apps/{appId}/sites`. */
export const installedAppsTable = "installed_apps"

/** No app has this id: such a row is the site's own, and stays when the site is deleted. */
const siteItself = ""

/** Rows of one statement: five values each, below what SQLite takes as parameters (32,766). */
const rowsPerStatement = 500

/** PostgreSQL answers 64 bits as a bigint. */
const Version = Schema.Union([
  Schema.Int,
  Schema.BigInt.pipe(
    Schema.decodeTo(Schema.Int, { decode: SchemaGetter.transform(Number), encode: SchemaGetter.transform(BigInt) })
  )
])
const decodeRows = <A>(row: Schema.ConstraintDecoder<A>) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(row))
  // The rows are our own: one that cannot be read is a defect.
  return (rows: unknown) => Effect.orDie(decode(rows))
}
const Row = Schema.Struct({ site_id: Schema.String, app_id: Schema.String, version: Version, deleted: Schema.Finite })
const rowsOf = decodeRows(Row)

const rows = ([site_id, { apps, version }]: readonly [string, Site]) => [
  { site_id, app_id: siteItself, place: -1, version, deleted: apps === undefined ? 1 : 0 },
  ...(apps ?? []).map((app_id, place) => ({ site_id, app_id, place, version, deleted: 0 }))
]

/** The versions that the table has of these sites; their apps are replaced as a whole, and not read. */
const known = Effect.fnUntraced(function* (table: string, siteIds: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const sites = new Map<string, Site>()
  for (const chunk of Arr.chunksOf(siteIds, rowsPerStatement)) {
    const found = yield* rowsOf(
      yield* sql`SELECT site_id, app_id, version, deleted FROM ${sql(table)}
        WHERE ${sql.in("site_id", chunk)} AND app_id = ${siteItself}`
    )
    for (const { deleted, site_id, version } of found) sites.set(site_id, { version, apps: deleted ? undefined : [] })
  }
  return sites
})

const apply = Effect.fnUntraced(function* (table: string, changes: ReadonlyArray<SiteChange>) {
  const sql = yield* SqlClient.SqlClient
  const before = yield* known(table, [...new Set(changes.map(({ key }) => key))])
  const after = changed(before, changes)
  for (const chunk of Arr.chunksOf([...after.keys()], rowsPerStatement)) {
    yield* sql`DELETE FROM ${sql(table)} WHERE ${sql.in("site_id", chunk)}`
  }
  for (const chunk of Arr.chunksOf([...after].flatMap(rows), rowsPerStatement)) {
    yield* sql`INSERT INTO ${sql(table)} ${sql.insert(chunk)}`
  }
})

/** Which apps each site has installed, at its greatest version. */
export const siteProjector = Projection.make("site-projector", {
  inbox: [siteMetadata, siteMetadataCdc],
  table: installedAppsTable,
  create: (table) =>
    SqlClient.SqlClient.use(
      // The constraints are the indexes of both questions.
      (sql) => sql`CREATE TABLE ${sql(table)} (
        site_id text NOT NULL, app_id text NOT NULL, place integer NOT NULL,
        version bigint NOT NULL, deleted smallint NOT NULL,
        PRIMARY KEY (site_id, app_id), UNIQUE (app_id, site_id))`
    ),
  apply
})

/** A site's apps in the order published; none where it is unknown or deleted. */
export const findInstalledApps = Effect.fnUntraced(function* (siteId: string) {
  const sql = yield* SqlClient.SqlClient
  const [site, ...apps] = yield* rowsOf(
    yield* sql`SELECT site_id, app_id, version, deleted FROM ${sql(installedAppsTable)}
      WHERE site_id = ${siteId} ORDER BY place`
  )
  return site === undefined || site.deleted !== 0
    ? Option.none()
    : Option.some({ siteId, version: site.version, apps: apps.map(({ app_id }) => app_id) })
})

const siteIdsOf = decodeRows(Schema.Struct({ site_id: Schema.String }))

/** The sites that have the app, in the order of their ids, from the one after `after`. */
export const listSites = Effect.fnUntraced(function* (appId: string, after: string, limit: number) {
  const sql = yield* SqlClient.SqlClient
  if (appId === siteItself) return []
  const rows = yield* siteIdsOf(
    yield* sql`SELECT site_id FROM ${sql(installedAppsTable)}
      WHERE app_id = ${appId} AND site_id > ${after} ORDER BY site_id LIMIT ${limit}`
  )
  return rows.map(({ site_id }) => site_id)
})
