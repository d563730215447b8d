/** A JSON Schema, as OpenAPI 3.1 takes it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** What a status means; a body's schema where there is one worth telling. */
export interface Answer {
  readonly means: string
  readonly json?: JsonSchema
  /** Other than JSON: its media type. */
  readonly type?: string
}

/** One route, for people and for generators of clients. */
export interface Described {
  readonly summary: string
  /** Query parameters and request headers that it reads, and what they mean. All are optional. */
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: { readonly type: string; readonly schema?: JsonSchema }
  /** By status. Refusals that hold for every route need not be told. */
  readonly answers: Readonly<Record<number, Answer>>
}

/** By method and path as in the router: `GET /actors/:name`. */
export type Descriptions = Readonly<Record<string, Described>>

export interface Route {
  readonly method: string
  readonly path: string
}

/** A document of OpenAPI 3.1, as far as pages about it look into it. */
export interface Document {
  readonly openapi: "3.1.0"
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary?: string }>>>>
  readonly components: unknown
  readonly security: unknown
}

const problemAnswer = { $ref: "#/components/responses/Problem" }

const templated = (path: string): string => path.replace(/:(\w+)/g, "{$1}")

const parameters = (path: string, { headers = {}, query = {} }: Partial<Described>) => [
  ...Array.from(path.matchAll(/:(\w+)/g), ([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" }
  })),
  ...Object.entries(query).map(([name, description]) => ({
    name,
    in: "query",
    description,
    schema: { type: "string" }
  })),
  ...Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    description,
    schema: { type: "string" }
  }))
]

const answer = ({ json, means, type }: Answer) => ({
  description: means,
  ...(json !== undefined
    ? { content: { "application/json": { schema: json } } }
    : type !== undefined
      ? { content: { [type]: {} } }
      : {})
})

const operation = ({ method, path }: Route, described: Described | undefined, isPublic: boolean) => {
  const { answers = {}, body, summary } = described ?? {}
  const successes = Object.keys(answers).length > 0 ? answers : { 200: { means: "Done." } }
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^A-Za-z0-9]+(\w?)/g, (_, next: string) => next.toUpperCase())}`,
    ...(summary === undefined ? {} : { summary }),
    parameters: parameters(path, described ?? {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { [body.type]: { schema: body.schema ?? {} } } } }),
    responses: {
      ...Object.fromEntries(Object.entries(successes).map(([status, each]) => [status, answer(each)])),
      default: problemAnswer
    },
    ...(isPublic ? { security: [] } : {})
  }
}

const components = {
  securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
  schemas: {
    Problem: {
      type: "object",
      required: ["error", "message"],
      properties: { error: { type: "string" }, message: { type: "string" } }
    }
  },
  responses: {
    Problem: {
      description:
        "Refused, or failed: `error` is a tag for programs, `message` is for people. Nothing has been changed.",
      content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } }
    }
  }
}

/** What is told about the interface. */
export interface About {
  readonly title: string
  readonly version: string
  readonly descriptions: Descriptions
  /** Whether a route needs no token. */
  readonly isPublic: (method: string, path: string) => boolean
}

/** Of every route that is served, described or not; static files are no interface. Pure. */
export const openapi = (routes: ReadonlyArray<Route>, { descriptions, isPublic, title, version }: About): Document => {
  const paths: Record<string, Record<string, { summary?: string }>> = {}
  const sorted = routes.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  for (const route of sorted) {
    const { method, path } = route
    if (/\.(?!json$)\w+$/.test(path)) continue
    const operations = (paths[templated(path)] ??= {})
    operations[method.toLowerCase()] = operation(route, descriptions[`${method} ${path}`], isPublic(method, path))
  }
  return {
    openapi: "3.1.0",
    info: {
      title,
      version,
      description:
        'Every refusal is `{"error","message"}` as JSON. Where the process was started with a token, all but health, the page and this document need it.'
    },
    paths,
    components,
    security: [{ bearer: [] }, {}]
  }
}
