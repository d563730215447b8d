/** What a user would never send: made from the interface's own description, so that a new route or topic has it too. */

/** A JSON Schema, as far as the interface uses it. */
interface Schema {
  readonly type?: string | ReadonlyArray<string>
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly oneOf?: ReadonlyArray<Schema>
  readonly enum?: ReadonlyArray<unknown>
}

interface Operation {
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}

export interface Interface {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

export interface Attack {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

const huge = "x".repeat(100_000)
const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`

/** Parts of a path, as they are sent. */
const parts = [
  "%00",
  "a%00b",
  "%ff",
  "%ed%a0%80",
  "%",
  "%0a%0d",
  "..%2f..%2fetc",
  "%20",
  "'%20OR%201=1",
  "%7B%7D",
  "%F0%9F%A6%84",
  "__proto__",
  "-1",
  "x".repeat(6_000)
]
const queries = ["", "%00", "-1", "1.5", "NaN", "99999999999999999999", "%ff", "x".repeat(5_000), "1&limit=2&after=3"]
const values: ReadonlyArray<unknown> = [
  null,
  true,
  -1,
  0.5,
  1e300,
  "",
  "\u0000",
  "\ud800",
  huge,
  [],
  [null],
  {},
  { a: { b: 1 } }
]

const brokenJson = [
  "",
  " ",
  "{",
  "nul",
  '{"a":1,}',
  '"',
  "\u0000",
  "[]",
  "{}",
  "null",
  "0",
  '""',
  '{"__proto__":{"a":1}}',
  deep
]
const json = { "content-type": "application/json" }

/** A value that the schema may take. */
const sample = (schema: Schema): unknown => {
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.oneOf !== undefined) return sample(schema.oneOf[0]!)
  const type = typeof schema.type === "string" ? schema.type : (schema.type?.[0] ?? "string")
  if (type === "object") {
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, each]) => [name, sample(each)]))
  }
  if (type === "array") return [sample(schema.items ?? {})]
  return type === "integer" || type === "number" ? 1 : "1"
}

/** Every sample with one value in it replaced, or left out, at any depth. */
const spoiled = (of: unknown): ReadonlyArray<unknown> => {
  if (Array.isArray(of)) return [...values, ...spoiled(of[0]).map((each) => [each])]
  if (typeof of !== "object" || of === null) return values
  const entries = Object.entries(of)
  return [
    ...values,
    ...entries.map(([left]) => Object.fromEntries(entries.filter(([name]) => name !== left))),
    ...entries.flatMap(([name, value]) => spoiled(value).map((each) => ({ ...of, [name]: each })))
  ]
}

const bodies = (of: Operation["requestBody"]): ReadonlyArray<Pick<Attack, "body" | "headers">> => {
  const [type, content] = Object.entries(of?.content ?? {})[0] ?? []
  if (type === undefined) return []
  const valid = type === "application/json" ? JSON.stringify(sample(content!.schema)) : "email\na@example.com\n"
  const odd = [
    { headers: {}, body: valid },
    { headers: { "content-type": "text/html" }, body: valid },
    { headers: { "content-type": `${type}; charset=utf-7` }, body: valid },
    { headers: { "content-type": type, "content-encoding": "gzip" }, body: valid },
    { headers: { "content-type": type }, body: Uint8Array.of(0xff, 0xfe, 0x00, 0xd8, 0x22) },
    { headers: { "content-type": type }, body: new Uint8Array(2_000_000) }
  ]
  if (type !== "application/json")
    return [...odd, ...brokenJson.map((body) => ({ headers: { "content-type": type }, body }))]
  const spoilt = spoiled(sample(content!.schema)).map((each) => JSON.stringify(each))
  return [...odd, ...[...brokenJson, ...spoilt].map((body) => ({ headers: json, body }))]
}

/** `{name}` in a path. `known` are names that exist: what lies behind them is reached too. */
const filled = (path: string, known: ReadonlyArray<string>): ReadonlyArray<string> => {
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name!)
  if (names.length === 0) return [path]
  const put = (of: (name: string) => string) => path.replace(/\{(\w+)\}/g, (_, name: string) => of(name))
  return names.flatMap((hostile) =>
    known.flatMap((good) => parts.map((part) => put((name) => (name === hostile ? part : good))))
  )
}

/** Everything that is done to one operation of the interface. */
export const attacks = (of: Interface, known: ReadonlyArray<string>): ReadonlyArray<Attack> =>
  Object.entries(of.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([verb, operation]) => {
      const method = verb.toUpperCase()
      const plain = path.replace(/\{\w+\}/g, "1")
      const asked = operation.parameters.filter((each) => each.in === "query")
      const headed = operation.parameters.filter((each) => each.in === "header")
      const some = bodies(operation.requestBody)
      const valid = some[0] === undefined ? {} : { body: some[0].body!, headers: json }
      return [
        ...filled(path, known).map((path) => ({ method, path, ...valid })),
        ...asked.flatMap(({ name }) =>
          queries.map((value) => ({ method, path: `${plain}?${name}=${value}`, ...valid }))
        ),
        ...headed.flatMap(({ name }) =>
          ["", "x", '"', "*", '"1', `"${huge.slice(0, 5_000)}"`].map((value) => ({
            method,
            path: plain,
            ...valid,
            headers: { ...json, [name]: value }
          }))
        ),
        ...some.map((each) => ({ method, path: plain, ...each }))
      ]
    })
  )

const utf8 = new TextEncoder()

/** A record as any program could write it. */
export interface HostileRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

const keys: ReadonlyArray<Uint8Array | null> = [
  null,
  new Uint8Array(),
  Uint8Array.of(0xff, 0xfe),
  Uint8Array.of(0),
  ...["a", "a\u0000b", "\u2028", "__proto__", "{}", "invoices", "1", "k".repeat(20_000)].map((key) => utf8.encode(key))
]
const contents: ReadonlyArray<Uint8Array | null> = [
  null,
  new Uint8Array(),
  Uint8Array.of(0xff, 0xfe, 0x00),
  ...["null", "0", '"', "{}", "[]", "{", '{"_tag":"Nobody"}', '{"a":"\\u0000"}', '{"a":"\\ud800"}', deep].map((value) =>
    utf8.encode(value)
  ),
  utf8.encode(JSON.stringify({ huge: "x".repeat(700_000) }))
]

/** Every key with some value, and every value under some keys. A compacted topic takes no record without a key. */
export const hostileRecords = (isCompacted: boolean): ReadonlyArray<HostileRecord> =>
  [
    ...keys.map((key) => ({ key, value: utf8.encode("{]") })),
    ...["a", "invoices", "1"].flatMap((key) => contents.map((value) => ({ key: utf8.encode(key), value })))
  ].filter(({ key }) => key !== null || !isCompacted)
