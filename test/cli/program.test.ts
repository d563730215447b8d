import { expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Option, Path } from "effect"
import { describe } from "vitest"
import { sixfold } from "./sixfold.ts"

const refused: ReadonlyArray<readonly [args: string, line: string]> = [
  ["start --prot 1", "unknown flag --prot; did you mean --port?"],
  ["start --kafka 127.0.0.1", '--kafka "127.0.0.1": expected HOST:PORT, with commas between'],
  ["start --kafka 127.0.0.1:9092,", '--kafka "127.0.0.1:9092,": expected HOST:PORT'],
  ["start --kafka http://127.0.0.1:9092", "expected HOST:PORT"],
  ["topics --kafka 127.0.0.1:65536", "expected HOST:PORT"],
  ["strat", "unknown command strat; did you mean start?"],
  ["start --port no", '--port "no": expected a port, 0 to 65535'],
  ["start --port 65536", '--port "65536": expected a port, 0 to 65535'],
  ["start --port -1", '--port "-1": expected a port'],
  ["start --port 1e3", '--port "1e3": expected a port'],
  ["start --app a.b", '--app "a.b": expected 1 to 64 letters'],
  ["start --instance ../x", '--instance "../x": '],
  ["start --port 1 --port 2", "--port"],
  ["start --port", "--port"],
  ["start --actors=", "expected names with commas between"],
  ["start --requests-per-client 0", '--requests-per-client "0": expected a whole number, 1 to 10000000'],
  ["start --upload-limit 256MiB", '--upload-limit "256MiB": expected a whole number, 1 to 999999999'],
  ["start --drain soon", '--drain "soon": expected seconds, 0 to 3600'],
  ["start --log xml", '--log "xml": expected pretty or json'],
  ["start --allow-origin example.com", "expected an origin"],
  ["start --allow-origin https://example.com/path", "expected an origin"],
  ["start --scale reader", "expected NAME=N"],
  ["start --scale reader=-1", "expected NAME=N"],
  ["start --scale reader=2 --scale reader=3", "each name once"],
  ["start --actors reader,,writer", "expected names with commas between"],
  ["topology --format yaml", '--format "yaml": expected tree, json or mermaid'],
  ["topology --actors raeder", 'no actor is named "raeder"; did you mean reader?'],
  ["topology --scale gateway=2", "cannot scale gateway to 2: it takes 0 to 1 replicas"],
  ["topology a b", 'Unexpected positional argument: "b"'],
  ["topology ./absent.ts", "cannot load ./absent.ts: "],
  ["topology ./vitest.config.ts", "./vitest.config.ts has no topology as its default export"],
  ["import", "file is missing"],
  ["import x.csv --url ftp://127.0.0.1", "expected an address"],
  ["status now", 'Unexpected positional argument: "now"'],
  ["status --url nowhere", "expected an address"],
  ["keys", "actor is missing"],
  ["keys renewals stop ada", "stop"],
  ["dead-letters", "actor is missing"],
  ["dead-letters renewals burn", "burn"],
  ["dead-letters renewals show --id 3", '--id "3": expected an id as list shows it, such as 3-17'],
  ["dead-letters renewals show --id ../1-1", "expected an id as list shows it"]
]

describe("bad input", () => {
  it.effect.each(refused)("sixfold %s", ([args, line]) =>
    Effect.gen(function* () {
      const { code, err, out, seen } = yield* sixfold(args)
      expect(err.join("\n")).toContain(line)
      expect(err).toHaveLength(1)
      expect(err[0]).not.toContain("\n")
      expect({ code, out, seen }).toEqual({ code: 2, out: "", seen: {} })
    })
  )

  it.effect("holds a variable to the same rule as its flag", () =>
    Effect.gen(function* () {
      const { code, err } = yield* sixfold("start", { SIXFOLD_PORT: "high" })
      expect(code).toBe(2)
      expect(err.join()).toContain('--port "high": expected a port, 0 to 65535')
    })
  )
})

describe("start", () => {
  it.effect("has a default for everything", () =>
    Effect.gen(function* () {
      const { code, err, seen } = yield* sixfold("start")
      expect({ code, err }).toEqual({ code: 0, err: [] })
      expect(seen.start).toEqual({
        actors: Option.none(),
        scale: Option.none(),
        kafka: Option.none(),
        database: Option.none(),
        data: "./data",
        host: "127.0.0.1",
        port: 8080,
        app: "sixfold",
        instance: Option.none(),
        tokenFile: Option.none(),
        channelKeyFile: Option.none(),
        allowOrigin: Option.none(),
        log: "pretty",
        drain: 10,
        limits: {
          json: 1_048_576,
          upload: 268_435_456,
          frame: 65_536,
          bodyIdle: 30,
          uploadsPerClient: 4,
          requestsPerClient: 20_000
        }
      })
    })
  )

  const everyFlag =
    "--actors reader,gateway --actors writer --scale reader=4 --scale=writer=0 --kafka a.example:1,[::1]:9092 --database postgres://u:p@db.example/shop --data d --host ::1 --port 0 --app shop " +
    "--instance a-1 --token-file t --channel-key-file k --allow-origin https://a.example --allow-origin http://b.example:81 " +
    "--log json --drain 30 --json-limit 1000 --upload-limit 2000 --frame-limit 3000 --body-idle 5 --uploads-per-client 1 " +
    "--requests-per-client 50"
  const everyValue = {
    actors: Option.some(["reader", "gateway", "writer"]),
    scale: Option.some({ reader: 4, writer: 0 }),
    kafka: Option.some(["a.example:1", "[::1]:9092"]),
    database: Option.some("postgres://u:p@db.example/shop"),
    data: "d",
    host: "::1",
    port: 0,
    app: "shop",
    instance: Option.some("a-1"),
    tokenFile: Option.some("t"),
    channelKeyFile: Option.some("k"),
    allowOrigin: Option.some(["https://a.example", "http://b.example:81"]),
    log: "json",
    drain: 30,
    limits: { json: 1_000, upload: 2_000, frame: 3_000, bodyIdle: 5, uploadsPerClient: 1, requestsPerClient: 50 }
  }

  it.effect("takes every flag", () =>
    Effect.gen(function* () {
      expect((yield* sixfold(`start ${everyFlag}`)).seen.start).toEqual(everyValue)
    })
  )

  it.effect("takes every flag from the environment as well", () =>
    Effect.gen(function* () {
      const { seen } = yield* sixfold("start", {
        SIXFOLD_ACTORS: "reader,gateway,writer",
        SIXFOLD_SCALE: "reader=4, writer=0",
        SIXFOLD_KAFKA: "a.example:1, [::1]:9092",
        SIXFOLD_DATABASE: "postgres://u:p@db.example/shop",
        SIXFOLD_DATA: "d",
        SIXFOLD_HOST: "::1",
        SIXFOLD_PORT: "0",
        SIXFOLD_APP: "shop",
        SIXFOLD_INSTANCE: "a-1",
        SIXFOLD_TOKEN_FILE: "t",
        SIXFOLD_CHANNEL_KEY_FILE: "k",
        SIXFOLD_ALLOW_ORIGIN: "https://a.example,http://b.example:81",
        SIXFOLD_LOG: "json",
        SIXFOLD_DRAIN: "30",
        SIXFOLD_JSON_LIMIT: "1000",
        SIXFOLD_UPLOAD_LIMIT: "2000",
        SIXFOLD_FRAME_LIMIT: "3000",
        SIXFOLD_BODY_IDLE: "5",
        SIXFOLD_UPLOADS_PER_CLIENT: "1",
        SIXFOLD_REQUESTS_PER_CLIENT: "50"
      })
      expect(seen.start).toEqual(everyValue)
    })
  )

  it.effect("prefers the flag to the variable, and ignores a variable that is empty", () =>
    Effect.gen(function* () {
      const { seen } = yield* sixfold("start --port 1", { SIXFOLD_PORT: "2", SIXFOLD_APP: "" })
      expect(seen.start).toMatchObject({ port: 1, app: "sixfold" })
    })
  )

  it.effect("runs the topology a module exports by default", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "own.mjs")
      yield* fs.writeFileString(file, 'export default { name: "own", nodes: [], resources: [] }\n')
      expect((yield* sixfold(`start ${file}`)).seen.ran).toBe("own")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("operators' commands", () => {
  const server = { url: new URL("http://127.0.0.1:8080"), tokenFile: Option.none() }

  it.effect("need no flag", () =>
    Effect.gen(function* () {
      expect((yield* sixfold("status")).seen.status).toEqual({ ...server, watch: false })
      expect((yield* sixfold("keys renewals")).seen.keys).toEqual({
        ...server,
        actor: "renewals",
        action: Option.none(),
        key: Option.none()
      })
      expect((yield* sixfold("dead-letters renewals")).seen.deadLetters).toEqual({
        ...server,
        actor: "renewals",
        action: "list",
        key: Option.none(),
        id: Option.none(),
        all: false
      })
      expect((yield* sixfold("projection rebuild site-projector")).seen.projection).toMatchObject({
        action: "rebuild",
        name: "site-projector"
      })
      for (const wrong of ["projection", "projection rebuild", "projection drop site-projector"]) {
        expect((yield* sixfold(wrong)).code).toBe(2)
      }
      expect((yield* sixfold("bench")).seen.bench).toEqual({ names: [], rest: [] })
    })
  )

  it.effect("take a key that begins with a dash, and a server that is elsewhere", () =>
    Effect.gen(function* () {
      const there = { url: new URL("http://[::1]:1/"), tokenFile: Option.some("t") }
      const { seen } = yield* sixfold("keys renewals skip --url http://[::1]:1 --token-file t -- --all")
      expect(seen.keys).toMatchObject({ ...there, action: Option.some("skip"), key: Option.some("--all") })
      const letters = yield* sixfold("dead-letters renewals replay --key=-1 --url http://[::1]:1 --token-file t")
      expect(letters.seen.deadLetters).toMatchObject({ ...there, action: "replay", key: Option.some("-1") })
    })
  )

  it.effect("hand what follows -- on to the benchmarks, flags and second dashes as well", () =>
    Effect.gen(function* () {
      expect((yield* sixfold("bench runtime kv")).seen.bench).toEqual({ names: ["runtime", "kv"], rest: [] })
      const { seen } = yield* sixfold("bench kafka -- memory --help -- 5")
      expect(seen.bench).toEqual({ names: ["kafka"], rest: ["memory", "--help", "--", "5"] })
    })
  )
})

describe("topics", () => {
  it.effect("only looks unless told to create", () =>
    Effect.gen(function* () {
      const kafka = Option.none()
      expect((yield* sixfold("topics --data d")).seen.topics).toEqual({ kafka, data: "d", create: false })
      expect((yield* sixfold("topics --create")).seen.topics).toEqual({ kafka, data: "./data", create: true })
      expect((yield* sixfold("topics", { SIXFOLD_CREATE: "true" })).seen.topics).toMatchObject({ create: true })
    })
  )
})

describe("import", () => {
  it.effect("asks the process on this machine unless told otherwise", () =>
    Effect.gen(function* () {
      expect((yield* sixfold("import contacts.csv")).seen.importFile).toEqual({
        file: "contacts.csv",
        url: new URL("http://127.0.0.1:8080"),
        tokenFile: Option.none()
      })
      const { seen } = yield* sixfold("import contacts.csv", { SIXFOLD_URL: "https://sixfold.example:1" })
      expect(seen.importFile!.url.href).toBe("https://sixfold.example:1/")
    })
  )
})

describe("help", () => {
  it.effect("names every flag of start with its default and its variable", () =>
    Effect.gen(function* () {
      const { code, out } = yield* sixfold("start --help")
      expect(code).toBe(0)
      for (const text of ["--port PORT", "default 8080; SIXFOLD_PORT", "SIXFOLD_CHANNEL_KEY_FILE", "default ./data"]) {
        expect(out).toContain(text)
      }
    })
  )

  it.effect("is what a bare sixfold prints", () =>
    Effect.gen(function* () {
      const { code, out } = yield* sixfold("")
      expect(code).toBe(0)
      expect(out).toMatch(/start[\s\S]*topology[\s\S]*import/)
    })
  )

  it.effect.each(["bash", "zsh", "fish"])("completes commands and flags in %s", (shell) =>
    Effect.gen(function* () {
      const { code, out } = yield* sixfold(`--completions ${shell}`)
      expect(code).toBe(0)
      for (const word of ["start", "topology", "topics", "import", "channel-key-file"]) expect(out).toContain(word)
    })
  )
})
