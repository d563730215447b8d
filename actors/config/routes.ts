import { Effect, Layer, Option, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import {
  eventStream,
  jsonBody,
  type KafkaError,
  type KvChange,
  type KvConflict,
  type KvUnknown,
  problem,
  refuse
} from "../../src/index.ts"
import { conditional, type Contended } from "./conditional.ts"
import { entityTagOf, isKnown, preconditionOf } from "./preconditions.ts"
import { ConfigValue, SiteConfig } from "./site-config.ts"

const json = (body: unknown, status: number, version: number) =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: { etag: entityTagOf(version), "cache-control": "no-cache" } })

/** `changes` is a route of its own: nobody could read such an entry. */
const Key = Schema.String.check(
  Schema.isMinLength(1),
  Schema.isMaxLength(256),
  Schema.isPattern(/^\P{Cc}*$/u, { expected: "a key without control characters" }),
  Schema.makeFilter((key: string) => (key === "changes" ? "another key than `changes` was expected" : undefined))
)
const key = Effect.map(HttpRouter.schemaPathParams(Schema.Struct({ key: Key })), ({ key }) => key)

const unknownEntry = (key: string) => problem(404, "UnknownEntry", `no entry has the key ${JSON.stringify(key)}`)

const conflict = ({ current, message }: KvConflict) =>
  problem(
    412,
    "PreconditionFailed",
    message,
    Option.match(current, { onNone: () => ({}), onSome: (version) => ({ etag: entityTagOf(version) }) })
  )

const unknown = ({ message }: KvUnknown) => problem(503, "unknown", message, { "retry-after": "1" })

const contended = ({ message }: Contended) => problem(503, "Contended", message, { "retry-after": "1" })

/** Read as JSON the value fitted; as a record it does not. */
const tooLarge = (error: KafkaError) =>
  error.reason === "RecordTooLarge"
    ? Effect.fail(refuse("BodyTooLarge", "the value is too large for an entry"))
    : Effect.fail(error)

/** What may become of a write besides its success. */
const refusals = {
  KvConflict: (error: KvConflict) => Effect.succeed(conflict(error)),
  KvUnknown: (error: KvUnknown) => Effect.succeed(unknown(error)),
  Contended: (error: Contended) => Effect.succeed(contended(error)),
  KafkaError: tooLarge
}

const getEntry = HttpRouter.add(
  "GET",
  "/config/:key",
  Effect.gen(function* () {
    const id = yield* key
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const config = yield* SiteConfig
    return Option.match(config.entry(id), {
      onNone: () => unknownEntry(id),
      onSome: ({ value, version }) =>
        isKnown(headers["if-none-match"], version)
          ? HttpServerResponse.empty({ status: 304, headers: { etag: entityTagOf(version) } })
          : json(value, 200, version)
    })
  })
)

/** 201 where there was no value, as far as this process knew; 200 where there was. */
const putEntry = HttpRouter.add(
  "PUT",
  "/config/:key",
  Effect.gen(function* () {
    const id = yield* key
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const precondition = yield* preconditionOf(headers)
    const value = yield* jsonBody(ConfigValue)
    const config = yield* SiteConfig
    const before = Option.getOrUndefined(config.entry(id))
    const version =
      precondition === undefined || precondition === "absent"
        ? yield* config.put(id, value, precondition && { ifVersion: precondition })
        : yield* conditional(id, precondition, before?.version, (at) => config.put(id, value, at))
    const isNew = precondition === "absent" || (precondition === undefined && before === undefined)
    return json({ key: id, version }, isNew ? 201 : 200, version)
  }).pipe(Effect.catchTags(refusals))
)

/** 200, also where there is nothing to delete. */
const deleteEntry = HttpRouter.add(
  "DELETE",
  "/config/:key",
  Effect.gen(function* () {
    const id = yield* key
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const precondition = yield* preconditionOf(headers)
    if (precondition === "absent") return yield* refuse("InvalidRequest", "a delete takes If-Match only")
    const config = yield* SiteConfig
    const before = Option.getOrUndefined(config.entry(id))
    yield* precondition === undefined
      ? config.delete(id)
      : conditional(id, precondition, before?.version, (at) => config.delete(id, at))
    return HttpServerResponse.jsonUnsafe({ key: id })
  }).pipe(Effect.catchTags(refusals))
)

const utf8 = new TextEncoder()

/** `{"entries":[{"key","version","value"}]}`, written at the pace the client reads: there may be many. */
const getEntries = HttpRouter.add(
  "GET",
  "/config",
  Effect.map(SiteConfig, (config) => {
    let isFirst = true
    const entries = Stream.map(Stream.rechunk(Stream.fromIterable(config.entries()), 1), ([key, entry]) => {
      const separator = isFirst ? "" : ","
      isFirst = false
      return utf8.encode(separator + JSON.stringify({ key, version: entry.version, value: entry.value }))
    })
    const body = [Stream.make(utf8.encode(`{"entries":[`)), entries, Stream.make(utf8.encode("]}"))].reduce(
      (before, next) => Stream.concat(before, next)
    )
    return HttpServerResponse.stream(body, { contentType: "application/json" })
  })
)

const change = ({ entry, key, version }: KvChange<Schema.Json>) => ({
  event: "change",
  data: { key, version, ...Option.match(entry, { onNone: () => ({}), onSome: ({ value }) => ({ value }) }) }
})

/** First every entry as it is, then each change: a client begins with nothing whenever it connects. */
const getChanges = HttpRouter.add(
  "GET",
  "/config/changes",
  Effect.flatMap(SiteConfig, (config) => eventStream(Stream.map(config.changes(), change)))
)

/** The routes of the configuration; reading asks nobody but this process's memory. */
export const configRoutes = Layer.mergeAll(getEntry, putEntry, deleteEntry, getEntries, getChanges)
