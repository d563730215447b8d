import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { fileURLToPath } from "node:url"

/** The page at `/` and what it needs: plain files, served as they are. */
const files = [
  { path: "/", file: "index.html", contentType: "text/html; charset=utf-8" },
  { path: "/site.css", file: "site.css", contentType: "text/css; charset=utf-8" },
  { path: "/import.js", file: "import.js", contentType: "text/javascript; charset=utf-8" },
  { path: "/channel.js", file: "channel.js", contentType: "text/javascript; charset=utf-8" }
] as const

/** Scripts, styles and connections of this origin only: no inline script, no frame around the page, no form that leaves. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'"
].join("; ")

const headers = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache"
}

const route = Effect.fnUntraced(function* ({ contentType, file, path }: (typeof files)[number]) {
  const fs = yield* FileSystem.FileSystem
  const body = yield* fs.readFile(fileURLToPath(new URL(file, import.meta.url)))
  return HttpRouter.route("GET", path, HttpServerResponse.uint8Array(body, { contentType, headers }))
})

/** Reads the files once, when the server starts. */
export const siteRoutes = HttpRouter.addAll(Effect.forEach(files, route)).pipe(Layer.provide(NodeFileSystem.layer))
