import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"
import { run } from "../cli/process.ts"

const entry = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))

interface Operation {
  readonly summary?: string
  readonly operationId: string
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly $ref?: string }>>
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly responses: object }
}

/** The interface page's, as far as they are served. */
const promised = [
  "GET /",
  "GET /actors",
  "GET /actors/{name}",
  "GET /channels",
  "GET /config",
  "GET /config/changes",
  "GET /contacts",
  "GET /contacts/{email}",
  "GET /dead-letters/{actor}",
  "GET /docs",
  "GET /health/actors",
  "GET /health/live",
  "GET /health/ready",
  "GET /imports/{importId}",
  "GET /imports/{importId}/rejects",
  "GET /metrics",
  "GET /openapi.json",
  "GET /orders/{orderId}",
  "GET /topology",
  "POST /actors/{name}/restart",
  "POST /checkouts",
  "POST /dead-letters/{actor}/replay",
  "POST /dead-letters/{actor}/{id}/discard",
  "POST /dead-letters/{actor}/{id}/replay",
  "POST /imports"
]

describe("the HTTP interface of the whole system", () => {
  it.live("is described route by route, in a document and on a page that need no token", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${directory}/token`, "0123456789abcdef")
      const files = ["--data", `${directory}/data`, "--token-file", `${directory}/token`]
      const running = yield* run(process.execPath, entry, "start", "--port", "0", ...files)
      const url = /http:\/\/\S+/.exec(yield* running.line(/ is up at /))![0]
      const get = (path: string) =>
        Effect.promise(async () => {
          const response = await fetch(`${url}${path}`)
          return { status: response.status, text: await response.text() }
        })
      const { status, text } = yield* get("/openapi.json")
      assert.strictEqual(status, 200)
      const { openapi, paths } = JSON.parse(text) as Document
      assert.strictEqual(openapi, "3.1.0")
      const operations = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({
          name: `${method.toUpperCase()} ${path}`,
          path,
          operation
        }))
      )
      const names = operations.map(({ name }) => name)
      for (const name of promised) assert.include(names, name)
      assert.deepStrictEqual(
        operations.filter(({ operation }) => operation.summary === undefined).map(({ name }) => name),
        []
      )
      assert.strictEqual(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length)
      for (const { operation, path } of operations) {
        const inPath = operation.parameters
          .filter((parameter) => parameter.in === "path")
          .map(({ name }) => `{${name}}`)
        assert.deepStrictEqual(inPath, path.match(/\{\w+\}/g) ?? [])
        for (const response of Object.values(operation.responses))
          assert.isTrue(response.$ref !== undefined || response.description !== "")
      }
      const page = yield* get("/docs")
      assert.strictEqual(page.status, 200)
      assert.include(page.text, "GET /orders/{orderId}")
      assert.notMatch(page.text, /<script|<style|https?:/)
      assert.strictEqual((yield* get("/topology")).status, 401)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
