import { Array as Arr, Effect, Option, Schema, SchemaGetter } from "effect"
import { SqlClient } from "effect/sql"
import { Projection } from "../../src/projection/index.ts"
import { siteMetadata, siteMetadataCdc } from "./topics.ts"
import { changed, type Site, type SiteChange } from "./versions.ts"

/** The view behind `GET /sites/{siteId}/installed-apps` and `GET /apps/{appId}/sites`. */
export const installedAppsTable = "installed_apps"

/** No app has this id: such a row is the site's own, and stays when the site is deleted. */
const siteItself = ""

/** Rows of one statement: four values each, below what SQLite takes as parameters (32,766). */
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
const Known = Schema.Struct({ site_id: Schema.String, version: Version, deleted: Schema.Finite })
const knownOf = decodeRows(Known)

/** The site's own row has all that is asked of a site; the others are there to find sites by an app. */
const rows = ([site_id, { apps, version }]: readonly [string, Site]) => [
  { site_id, app_id: siteItself, version, apps: apps === undefined ? null : JSON.stringify(apps) },
  ...(apps ?? []).map((app_id) => ({ site_id, app_id, version, apps: null }))
]

/** The versions that the table has of these sites; their apps are replaced as a whole, and not read. */
const known = Effect.fnUntraced(function* (table: string, siteIds: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const sites = new Map<string, Site>()
  for (const chunk of Arr.chunksOf(siteIds, rowsPerStatement)) {
    const found = yield* knownOf(
      yield* sql`SELECT site_id, version, CASE WHEN apps IS NULL THEN 1 ELSE 0 END AS deleted FROM ${sql(table)}
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
        site_id text NOT NULL, app_id text NOT NULL, version bigint NOT NULL, apps text,
        PRIMARY KEY (site_id, app_id), UNIQUE (app_id, site_id))`
    ),
  apply
})

const sitesOf = decodeRows(Schema.Struct({ version: Version, apps: Schema.NullOr(Schema.String) }))

/** A site's apps in the order published, as the JSON array that the table has; none where it is unknown or deleted. */
export const findInstalledApps = Effect.fnUntraced(function* (siteId: string) {
  const sql = yield* SqlClient.SqlClient
  const [site] = yield* sitesOf(
    yield* sql`SELECT version, apps FROM ${sql(installedAppsTable)} WHERE site_id = ${siteId} AND app_id = ${siteItself}`
  )
  return site === undefined || site.apps === null
    ? Option.none()
    : Option.some({ siteId, version: site.version, apps: site.apps })
})

const Page = Schema.Struct({ sites: Schema.String, found: Version, last: Schema.NullOr(Schema.String) })
const pageOf = decodeRows(Page)

/**
 * The sites that have the app, in the order of their ids, from the one after `after`; `next` is where the next page begins, null
 * at the end. `sites` is the JSON array as the database makes it: a row each, made anew here, costs both sides several times as much.
 */
export const listSites = Effect.fnUntraced(function* (appId: string, after: string, limit: number) {
  const sql = yield* SqlClient.SqlClient
  if (appId === siteItself) return { sites: "[]", next: null }
  const array = sql.onDialectOrElse({
    pg: () => sql`COALESCE(array_to_json(array_agg(site_id))::text, '[]')`,
    orElse: () => sql`json_group_array(site_id)`
  })
  const [page] = yield* pageOf(
    yield* sql`SELECT ${array} AS sites, count(*) AS found, max(site_id) AS last
      FROM (SELECT site_id FROM ${sql(installedAppsTable)}
        WHERE app_id = ${appId} AND site_id > ${after} ORDER BY site_id LIMIT ${limit}) AS page`
  )
  const { found, last, sites } = page!
  return { sites, next: found < limit ? null : last }
})
