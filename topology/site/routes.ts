import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { stripTypeScriptTypes } from "node:module"
import process from "node:process"
import { fileURLToPath } from "node:url"

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** This very file is a source, or what was emitted for a package: then there are no types to strip. */
const sources = import.meta.url.endsWith(".ts") ? "ts" : "js"

/** What the page loads besides its own files: the WebSocket client, and what finds and words troubles for `sixfold status`. */
export const shared: ReadonlyArray<string> = [
  ...["backoff", "connection", "error", "frame", "index", "protocol", "subscription"].map((name) => `client/${name}`),
  "actor/printable",
  "cli/cure",
  "cli/cures"
]

const contentTypes: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml"
}
const contentTypeOf = (path: string): string => contentTypes[path.slice(path.lastIndexOf(".") + 1)]!

/** Scripts, styles and connections of this origin only: no inline script, no text that becomes HTML, no frame around the page. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'"
].join("; ")

const headers = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache"
}

const serve = (path: string, body: Uint8Array, contentType = contentTypeOf(path)) =>
  HttpRouter.route("GET", path as `/${string}`, HttpServerResponse.uint8Array(body, { contentType, headers }))

/** Node warns on stderr that this function is experimental, which whoever starts the program can do nothing about. */
const stripped = (source: string): string => {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  const script = stripTypeScriptTypes(source)
  process.emitWarning = emitWarning
  return script.replaceAll(/(?<= from "\.{1,2}\/[\w/]+)\.ts"/g, '.js"')
}

const own = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* fs.readDirectory(folder("assets"), { recursive: true })
  const files = paths.filter((path) => /\.\w+$/.test(path)).map((path) => path.replaceAll("\\", "/"))
  const assets = yield* Effect.forEach(files, (path) =>
    Effect.map(fs.readFile(folder(`assets/${path}`)), (body) => serve(`/assets/${path}`, body))
  )
  return [...assets, serve("/", yield* fs.readFile(folder("index.html")), contentTypes["html"])]
})

const scripts = Effect.forEach(
  shared,
  Effect.fnUntraced(function* (path) {
    const source = yield* (yield* FileSystem.FileSystem).readFileString(folder(`../../src/${path}.${sources}`))
    const script = sources === "ts" ? stripped(source) : source
    return serve(`/assets/${path}.js`, new TextEncoder().encode(script))
  })
)

/** The page at `/`: plain files, read once when the server starts and served as they are. */
export const siteRoutes = HttpRouter.addAll(Effect.map(Effect.all([own, scripts]), (routes) => routes.flat())).pipe(
  Layer.provide(NodeFileSystem.layer)
)
