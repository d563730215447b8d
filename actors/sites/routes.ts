import { Effect, Layer, Option, Schema } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { json, jsonBody, jsonText, type KafkaError, Log, Page, problem, refuse } from "../../src/index.ts"
import { findInstalledApps, listSites } from "./installed-apps.ts"
import { Id, SiteMetadata, siteMetadata } from "./topics.ts"

const siteId = Effect.map(HttpRouter.schemaPathParams(Schema.Struct({ siteId: Id })), ({ siteId }) => siteId)
const appId = Effect.map(HttpRouter.schemaPathParams(Schema.Struct({ appId: Id })), ({ appId }) => appId)

/** Read as JSON the site fitted; as a record it does not. */
const tooLarge = (error: KafkaError) =>
  error.reason === "RecordTooLarge"
    ? Effect.fail(refuse("BodyTooLarge", "the site is too large for a record"))
    : Effect.fail(error)

/** 202 once the site is in the log. A version that is not greater than what is known changes nothing. */
const putSite = HttpRouter.add(
  "PUT",
  "/sites/:siteId",
  Effect.gen(function* () {
    const id = yield* siteId
    const site = yield* jsonBody(SiteMetadata)
    if (site.owner === undefined) return yield* refuse("InvalidRequest", "a site needs an owner")
    yield* (yield* Log).append(siteMetadata, id, site)
    return json({ siteId: id, version: site.version }, 202)
  }).pipe(Effect.catchTags({ KafkaError: tooLarge }))
)

const getInstalledApps = HttpRouter.add(
  "GET",
  "/sites/:siteId/installed-apps",
  Effect.gen(function* () {
    const id = yield* siteId
    return Option.match(yield* findInstalledApps(id), {
      onNone: () => problem(404, "UnknownSite", `no site has the id ${JSON.stringify(id)}`),
      onSome: ({ apps, siteId, version }) =>
        jsonText(`{"siteId":${JSON.stringify(siteId)},"version":${version},"apps":${apps}}`)
    })
  })
)

const getSites = HttpRouter.add(
  "GET",
  "/apps/:appId/sites",
  Effect.gen(function* () {
    const id = yield* appId
    const { after, limit } = yield* HttpServerRequest.schemaSearchParams(Page)
    const { next, sites } = yield* listSites(id, after, limit)
    return jsonText(`{"sites":${sites},"next":${JSON.stringify(next)}}`)
  })
)

/** The routes of sites and their apps; every GET reads the table that `site-projector` keeps. */
export const installedAppsRoutes = Layer.mergeAll(putSite, getInstalledApps, getSites)
