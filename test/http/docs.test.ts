import { assert, describe, expect, it } from "@effect/vitest"
import { page } from "../../src/http/docs.ts"
import { openapi } from "../../src/http/openapi.ts"

const about = { title: "shop", version: "1", descriptions: {}, isPublic: (_: string, path: string) => path === "/docs" }
const routes = [
  { method: "GET", path: "/b/:id" },
  { method: "POST", path: "/b/:id/c/:other" },
  { method: "GET", path: "/site.css" },
  { method: "GET", path: "/docs" },
  { method: "GET", path: "/openapi.json" }
]

describe("the document of an interface", () => {
  it("has every route but static files, described or not, with the parameters of its path", () => {
    const { paths } = openapi(routes, about)
    assert.deepStrictEqual(Object.keys(paths), ["/b/{id}", "/b/{id}/c/{other}", "/docs", "/openapi.json"])
    const operation = paths["/b/{id}/c/{other}"]!["post"]!
    expect(operation).toMatchObject({
      operationId: "postBIdCOther",
      parameters: ["id", "other"].map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
      responses: { 200: { description: "Done." }, default: { $ref: "#/components/responses/Problem" } }
    })
    assert.notProperty(operation, "security")
    expect(paths["/docs"]!["get"]).toMatchObject({ security: [] })
  })

  it("tells what is known of a route", () => {
    const { paths } = openapi(routes, {
      ...about,
      descriptions: {
        "GET /b/:id": {
          summary: "One b",
          query: { limit: "How many" },
          answers: { 200: { means: "It.", json: { type: "object" } }, 404: { means: "None." } }
        }
      }
    })
    expect(paths["/b/{id}"]!["get"]).toMatchObject({
      summary: "One b",
      responses: {
        200: { description: "It.", content: { "application/json": { schema: { type: "object" } } } },
        404: { description: "None." },
        default: { $ref: "#/components/responses/Problem" }
      }
    })
  })

  it("is a page whose texts cannot become markup", () => {
    const evil = { summary: "<script>alert(1)</script>", answers: {} }
    const html = page(openapi(routes, { ...about, title: '"><b>', descriptions: { "GET /b/:id": evil } }))
    assert.notInclude(html, "<script")
    assert.notInclude(html, "<b>")
    assert.include(html, "GET /b/{id}")
  })
})
