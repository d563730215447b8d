import type { Answer, Descriptions, JsonSchema } from "../http/openapi.ts"

const text = { type: "string" }
const count = { type: "integer" }
const list = (items: JsonSchema) => ({ type: "array", items })
const object = (properties: Readonly<Record<string, JsonSchema>>, optional: ReadonlyArray<string> = []) => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name))
})

const held = object({ key: text, by: text, since: text, cause: text }, ["by"])
const partition = object(
  {
    topic: text,
    partition: count,
    lag: count,
    settled: count,
    turns: count,
    inFlight: count,
    parked: count,
    held: { oneOf: [held, { type: "null" }] },
    stuck: object({ count, keys: list(held) }),
    oldestParked: text,
    restoring: object({ done: count, end: count })
  },
  ["topic", "settled", "turns", "stuck", "oldestParked", "restoring"]
)
const replica = object(
  {
    instance: text,
    replica: count,
    state: text,
    partitions: list(partition),
    restarts: count,
    trouble: object({ since: text, cause: text, error: text, key: text }, ["error", "key"]),
    silentSince: text
  },
  ["trouble", "silentSince"]
)
const kind = { enum: ["keyed", "projection", "kv", "routes"] }
const actor = object(
  {
    name: text,
    kind,
    state: { enum: ["starting", "restoring", "running", "waiting", "draining", "failed", "stopped"] },
    replicas: list(replica),
    deadLetters: count,
    oldestDeadLetter: text
  },
  ["oldestDeadLetter"]
)
const node = object(
  {
    name: text,
    kind,
    inbox: list(text),
    emits: list(text),
    table: text,
    dependsOn: list(text),
    start: count,
    stop: count,
    replicas: count
  },
  ["table"]
)
const letter = object({
  id: text,
  key: { type: ["string", "null"] },
  error: text,
  attempts: count,
  failedAt: text,
  source: { type: "object" },
  value: {},
  idempotencyKey: text,
  replays: count
})

const inTheLog: Answer = {
  means: "The command is in the log; the key's owner obeys it in its turn.",
  json: { type: "object" }
}
const unknown: Answer = { means: "No such actor." }
const noKeys: Answer = { means: "It has no keys, or no dead letters of its own." }

const keyCommand = (summary: string) => ({
  summary,
  answers: { 202: inTheLog, 400: { means: "No message of this actor can have such a key." }, 404: unknown, 409: noKeys }
})
const anyKeyCommand = (summary: string) => ({
  ...keyCommand(summary),
  body: { type: "application/json", schema: object({ key: text }) }
})
const letterCommand = (summary: string) => ({
  summary,
  answers: { 202: inTheLog, 404: { means: "No such actor or letter." }, 409: { means: "It may not be, or no more." } }
})

/** The routes of operations and the WebSocket, for `/openapi.json`. */
export const descriptions: Descriptions = {
  "GET /topology": {
    summary: "The nodes, their topics, and the order of starting and stopping",
    answers: { 200: { means: "As planned in this process.", json: object({ name: text, nodes: list(node) }) } }
  },
  "GET /actors": {
    summary: "Every actor with its replicas in all processes",
    answers: { 200: { means: "As they told last, a few seconds ago.", json: list(actor) } }
  },
  "GET /actors/:name": {
    summary: "One actor with its replicas in all processes",
    answers: { 200: { means: "As they told last, a few seconds ago.", json: actor }, 404: unknown }
  },
  "GET /health/actors": {
    summary: "Every actor that runs in this process, well or not",
    answers: { 200: { means: "Also where one has failed.", json: list(actor) } }
  },
  "GET /metrics": {
    summary: "Metrics of this process",
    answers: { 200: { means: "Prometheus text.", type: "text/plain" } }
  },
  "POST /actors/:name/restart": {
    summary: "Start the replicas of this process anew",
    answers: {
      202: { means: "They drain, and start anew.", json: object({ name: text, replicas: count }) },
      404: unknown,
      409: { means: "None runs here." }
    }
  },
  "POST /actors/:name/keys/:key/pause": keyCommand("Pause a key: its messages are parked"),
  "POST /actors/:name/keys/:key/resume": keyCommand("Resume a key; what it is held by is tried again at once"),
  "POST /actors/:name/keys/:key/skip": keyCommand("Move what a key is held by to the dead letters"),
  "POST /actors/:name/keys/pause": anyKeyCommand("The same for a key that no address can hold"),
  "POST /actors/:name/keys/resume": anyKeyCommand("The same for a key that no address can hold"),
  "POST /actors/:name/keys/skip": anyKeyCommand("The same for a key that no address can hold"),
  "GET /dead-letters/:actor": {
    summary: "The letters that nobody has replayed or discarded",
    query: { after: "The id of the letter before the page", limit: "1 to 1000, default 100" },
    answers: {
      200: { means: "A page.", json: object({ letters: list(letter), next: { type: ["string", "null"] } }) },
      404: unknown,
      409: noKeys
    }
  },
  "POST /dead-letters/:actor/:id/replay": letterCommand("Handle a letter's message again, behind what its key has"),
  "POST /dead-letters/:actor/:id/discard": letterCommand("Give a letter up for good"),
  "POST /dead-letters/:actor/replay": {
    summary: "Replay every letter that may be",
    answers: {
      202: { means: "The commands are in the log.", json: object({ actor: text, replayed: count, refused: count }) },
      404: unknown,
      409: noKeys
    }
  },
  "GET /channels": {
    summary: "The WebSocket of statuses; sub-protocol sixfold.v1",
    answers: { 101: { means: "JSON text frames from here on." } }
  }
}
