import type { Descriptions } from "../src/index.ts"

const text = { type: "string" }
const count = { type: "integer", minimum: 0 }
const orNull = (type: string) => ({ type: [type, "null"] })
const list = (items: object) => ({ type: "array", items })
const object = (properties: Readonly<Record<string, object>>, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required
})
const next = orNull("string")

const importCounts = object({
  state: { enum: ["accepted", "running", "done", "incomplete", "failed", "cancelled"] },
  jobs: object({ total: orNull("integer"), completed: count, failed: count }),
  rows: object({ total: orNull("integer"), imported: count, rejected: count, failed: count })
})
const contact = object({ email: text, name: text }, ["email"])
const renew = {
  oneOf: [
    object({ every: text, from: text, timezone: text }, ["every"]),
    object({ cron: text, timezone: text }, ["cron", "timezone"])
  ]
}
const terms = { plan: text, amount: { ...count, description: "in minor units" }, currency: text, renew }
const entry = object({ key: text, version: count, value: {} }, ["key", "version"])

const channel = { channel: "A channel of this topology, which is told of the progress" }
const page = { after: "Where the last page ended", limit: "1 to 1000" }
const none = { means: "There is none." }
const preconditions = { "If-Match": "The ETag it must have", "If-None-Match": "`*`: there must be none" }
const written = {
  200: { means: "Written, and applied here; ETag is the version.", json: object({ key: text, version: count }) },
  412: { means: "It has another version, or is (not) there." },
  503: {
    means:
      "`unknown`: not known yet whether it is written. `Contended`: it is not, others write the entry all the time."
  }
}

/** What the patterns' routes take and answer, for `/openapi.json`. */
export const descriptions: Descriptions = {
  "GET /": { summary: "The dashboard", answers: { 200: { means: "A page.", type: "text/html" } } },
  "POST /imports": {
    summary: "Import a CSV file of contacts",
    query: channel,
    body: { type: "text/csv", schema: text },
    answers: {
      202: { means: "Uploaded as a whole; the import runs.", json: object({ importId: text, channel: next }) },
      400: { means: "Not a CSV, or no column of e-mail addresses." },
      413: { means: "Larger than 256 MiB." },
      415: { means: "Compressed, or not text/csv." }
    }
  },
  "GET /imports/:importId": {
    summary: "How far an import is",
    answers: { 200: { means: "Its counts.", json: importCounts }, 404: none }
  },
  "DELETE /imports/:importId": { summary: "Cancel an import", answers: { 202: { means: "It will be." }, 404: none } },
  "GET /imports/:importId/rejects": {
    summary: "The rows that were rejected, each with its number and the reason",
    answers: { 200: { means: "CSV.", type: "text/csv" }, 404: none }
  },
  "GET /contacts": {
    summary: "The imported contacts, by e-mail address",
    query: page,
    answers: { 200: { means: "A page.", json: object({ contacts: list(contact), next }) } }
  },
  "GET /contacts/:email": {
    summary: "One contact",
    answers: { 200: { means: "As the latest import has it.", json: contact }, 404: none }
  },
  "GET /config": {
    summary: "All entries of the configuration",
    answers: { 200: { means: "From this process's memory.", json: object({ entries: list(entry) }) } }
  },
  "GET /config/changes": {
    summary: "Every entry as it is, then each change",
    answers: { 200: { means: "Server-sent events: `change`, with key, version and value.", type: "text/event-stream" } }
  },
  "GET /config/:key": {
    summary: "The value of an entry",
    headers: { "If-None-Match": "The ETag that is known" },
    answers: {
      200: { means: "Any JSON; ETag is the version.", json: {} },
      304: { means: "As it is known." },
      404: none
    }
  },
  "PUT /config/:key": {
    summary: "Write an entry; a compare-and-set with a precondition",
    headers: preconditions,
    body: { type: "application/json" },
    answers: { ...written, 201: { ...written[200], means: "New, and applied here; ETag is the version." } }
  },
  "DELETE /config/:key": {
    summary: "Delete an entry",
    headers: { "If-Match": preconditions["If-Match"] },
    answers: { ...written, 200: { means: "There is none now.", json: object({ key: text }) } }
  },
  "PUT /subscriptions/:userId": {
    summary: "Subscribe, or change the terms from the next due time on",
    query: channel,
    body: { type: "application/json", schema: object(terms) },
    answers: { 202: { means: "In the log." }, 400: { means: "Not to be renewed like this." } }
  },
  "GET /subscriptions/:userId": {
    summary: "The terms, the next due time and the last charges",
    answers: {
      200: {
        means: "As the view has it.",
        json: object({
          userId: text,
          ...terms,
          next,
          charges: list(object({ due: text, state: text, attempts: count }))
        })
      },
      404: none
    }
  },
  "DELETE /subscriptions/:userId": { summary: "Cancel a subscription", answers: { 202: { means: "In the log." } } },
  "POST /checkouts": {
    summary: "Order something; the same orderId twice is one order",
    query: channel,
    body: {
      type: "application/json",
      schema: object({
        orderId: text,
        userId: text,
        items: list(object({ sku: text, quantity: count, price: count }))
      })
    },
    answers: { 202: { means: "In the log.", json: object({ orderId: text, channel: next }) } }
  },
  "GET /orders/:orderId": {
    summary: "What has been decided about an order",
    answers: {
      200: {
        means: "As the view has it.",
        json: object({
          orderId: text,
          state: { enum: ["pending", "confirmed", "rejected"] },
          inventory: { enum: ["pending", "reserved", "short"] },
          delivery: { enum: ["pending", "scheduled", "cancelled"] },
          invoice: { oneOf: [object({ number: count }), { type: "null" }] }
        })
      },
      404: none
    }
  },
  "PUT /inventory/:sku": {
    summary: "Set what is available of a SKU",
    body: { type: "application/json", schema: object({ quantity: count }) },
    answers: { 202: { means: "In the log." } }
  },
  "GET /inventory/:sku": {
    summary: "What is available of a SKU, and what is reserved",
    answers: {
      200: { means: "As the view has it.", json: object({ sku: text, quantity: count, reserved: count }) },
      404: none
    }
  },
  "PUT /sites/:siteId": {
    summary: "Publish the metadata of a site",
    body: {
      type: "application/json",
      schema: object({ owner: text, version: count, installedApps: list(text) })
    },
    answers: {
      202: { means: "In the log." },
      400: { means: "No site, or no id for one." },
      413: { means: "Larger than a record may be." }
    }
  },
  "GET /sites/:siteId/installed-apps": {
    summary: "The apps of a site",
    answers: {
      200: { means: "As the view has it.", json: object({ siteId: text, version: count, apps: list(text) }) },
      404: none
    }
  },
  "GET /apps/:appId/sites": {
    summary: "The sites that have an app",
    query: page,
    answers: { 200: { means: "A page.", json: object({ sites: list(text), next }) } }
  },
  "POST /projections/:name/rebuild": {
    summary: "Build a table anew",
    answers: { 202: { means: "It runs." }, 404: none }
  },
  "GET /projections/:name": {
    summary: "How far a table is, and its rebuild",
    answers: {
      200: {
        means: "Of this moment.",
        json: object({
          name: text,
          lag: count,
          rebuild: { oneOf: [object({ state: text, done: count, total: count }), { type: "null" }] }
        })
      },
      404: none
    }
  }
}
