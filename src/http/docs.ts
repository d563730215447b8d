import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { isPublic } from "./bearer.ts"
import { Methods } from "./methods.ts"
import { openapi } from "./openapi.ts"
import type { Descriptions, Document } from "./openapi.ts"

/** What a topology says about its own routes, by method and path: `GET /orders/:orderId`. Default: nothing. */
export const ApiDescriptions = Context.Reference<Descriptions>("sixfold/ApiDescriptions", { defaultValue: () => ({}) })

const own: Descriptions = {
  "GET /health/live": { summary: "Whether the process answers", answers: { 200: { means: "It does." } } },
  "GET /health/ready": {
    summary: "Whether the process can do its work",
    answers: { 200: { means: "It can." }, 503: { means: "Not yet, or no longer; `reasons` says why." } }
  },
  "GET /openapi.json": { summary: "This document", answers: { 200: { means: "OpenAPI 3.1.", json: {} } } },
  "GET /docs": { summary: "This document for people", answers: { 200: { means: "A page.", type: "text/html" } } }
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

/** The document as a page without scripts and styles. */
export const page = ({ info, paths }: Document): string => {
  const rows = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([method, { summary = "" }]) =>
        `<tr><td><code>${escaped(method.toUpperCase())} ${escaped(path)}</code></td><td>${escaped(summary)}</td></tr>`
    )
  )
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">',
    `<title>${escaped(info.title)}: HTTP interface</title></head><body><main>`,
    `<h1>${escaped(info.title)} ${escaped(info.version)}: HTTP interface</h1>`,
    `<p>${escaped(info.description)}</p>`,
    '<p>Requests and answers in full: <a href="/openapi.json">openapi.json</a></p>',
    '<table><thead><tr><th scope="col">Route</th><th scope="col">What it does</th></tr></thead>',
    `<tbody>${rows.join("\n")}</tbody></table></main></body></html>`
  ].join("\n")
}

/** What is told beside the routes themselves. */
export interface DocsOptions {
  readonly title?: string
  readonly version?: string
  /** Of routes that the program adds to the topology's. */
  readonly descriptions?: Descriptions
}

/** `GET /openapi.json` and `GET /docs`, of the routes there are when they are asked for. */
export const docs = ({ descriptions = {}, title = "Sixfold", version = "0" }: DocsOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const methods = yield* Methods
      const described = { ...own, ...descriptions, ...(yield* ApiDescriptions) }
      const document = () => openapi(methods.routes(), { title, version, descriptions: described, isPublic })
      return Layer.mergeAll(
        HttpRouter.add(
          "GET",
          "/openapi.json",
          Effect.sync(() => HttpServerResponse.jsonUnsafe(document()))
        ),
        HttpRouter.add(
          "GET",
          "/docs",
          Effect.sync(() => HttpServerResponse.text(page(document()), { contentType: "text/html; charset=utf-8" }))
        )
      )
    })
  )
