import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Schedule } from "effect"
import { fileURLToPath } from "node:url"
import { scriptedServer } from "../client/scripted.ts"
import { program, run } from "./process.ts"
import type { Running } from "./process.ts"

const fixture = fileURLToPath(new URL("./fixture/main.ts", import.meta.url))
const node = Effect.provide(NodeServices.layer)

const started = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const running = yield* program(
    "start",
    "--port",
    "0",
    "--data",
    `${yield* fs.makeTempDirectoryScoped()}/data`,
    ...args
  )
  const url = /http:\/\/\S+/.exec(yield* running.line(/ is up at /))![0]
  return { running, url }
})

const bring = (url: string, key: string, word: string) =>
  Effect.promise(async () => {
    const headers = { "content-type": "application/json" }
    return (await fetch(`${url}/judge`, { method: "POST", headers, body: JSON.stringify({ key, word }) })).status
  })

const post = (url: string, ...path: ReadonlyArray<string>) =>
  Effect.promise(
    async () => (await fetch(`${url}/${path.map(encodeURIComponent).join("/")}`, { method: "POST" })).status
  )

/** A command to its end. */
const ended = Effect.fnUntraced(function* (running: Running) {
  const { code } = yield* running.ended
  return { code, out: running.printed(), err: running.stderr().trimEnd() }
})
const sixfold = (...args: ReadonlyArray<string>) => Effect.flatMap(program(...args), ended)

/** A line of a shell as an operator would copy it. */
const shell = (line: string) =>
  Effect.flatMap(run("bash", "-c", `sixfold() { "${process.execPath}" "${fixture}" "$@"; }\n${line}`), ended)

type Answer = Effect.Success<ReturnType<typeof sixfold>>

/** Asks until it is so; a test fails for what never comes. */
const until = (url: string, isSo: (answer: Answer) => boolean, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const answer = yield* sixfold("status", "--url", url, ...flags)
    return isSo(answer) ? answer : yield* Effect.fail(answer)
  }).pipe(
    Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 40 }),
    Effect.catch((answer) => Effect.die(new Error(`it never came: ${JSON.stringify(answer)}`)))
  )

const has = (part: string) => (answer: Answer) => answer.out.some((line) => line.includes(part))
const lacks = (part: string) => (answer: Answer) => !has(part)(answer)
const isWell = ({ code, err }: Answer) => code === 0 && err === ""

/** The commands below the line that names the trouble. */
const curesOf = ({ out }: Answer, what: string) => {
  const from = out.findIndex((line) => line.startsWith(what))
  assert.isAtLeast(from, 0, `${what} is not in ${out.join("\n")}`)
  const cures: Array<string> = []
  for (const line of out.slice(from + 2)) {
    const command = /^ {2}\$ (.*?) +# /.exec(line)?.[1]
    if (command === undefined) break
    cures.push(command)
  }
  return { cures, cause: out[from + 1]! }
}

/** Some are no part of an address, and one is no argument of a program. */
const held = ["ada", 'it\'s -- $(date) "x"', "-n", "two\nlines \u{1b}[2Jé", "", "..", "nul\0 it's"]

describe("sixfold status", () => {
  it.live("is content with a program that has just started, and shows every actor", () =>
    Effect.gen(function* () {
      const { url } = yield* started()
      const { out } = yield* until(url, isWell)
      assert.match(out[0]!, /^actor +kind +state +replicas +lag/)
      assert.deepStrictEqual(
        out.slice(1).map((line) => line.split(/ +/).slice(0, 3).join(" ")),
        [
          "gateway routes running",
          "counter keyed running",
          "printer keyed running",
          "judge keyed running",
          "dead-letters-view projection running"
        ]
      )
    }).pipe(Effect.scoped, node)
  )

  it.live("shows every held key with its cause, whatever is in the key, and its commands cure it", () =>
    Effect.gen(function* () {
      const { running, url } = yield* started()
      for (const key of held) assert.strictEqual(yield* bring(url, key, "odd"), 202)
      const isAll = ({ out }: Answer) => out.filter((line) => line.includes("judge, key")).length === held.length
      const answer = yield* until(url, isAll)
      assert.strictEqual(answer.code, 1)
      assert.include(answer.err, `${held.length} things need a hand`)
      assert.notInclude(answer.out.join("\n"), "\u{1b}")
      const { cause, cures } = curesOf(answer, 'judge, key "ada"')
      assert.match(cause, /^ {2}.*this word is odd.*, since 20\S+Z \(\d+ s\)$/)
      assert.lengthOf(cures, 2)
      yield* post(url, "mend")
      for (const key of held) {
        const shown = JSON.stringify(key).replace("\u{1b}", "\\u001b")
        const [again] = curesOf(answer, `judge, key ${shown}`).cures
        assert.strictEqual((yield* shell(again!)).code, 0, again)
      }
      yield* running.line(/judged ada odd/)
      yield* running.line(/judged -n odd/)
      yield* until(url, isWell)
    }).pipe(Effect.scoped, node)
  )

  it.live("names the key that takes its actor down again and again, and its commands let the others go on", () =>
    Effect.gen(function* () {
      const { running, url } = yield* started()
      yield* post(url, "judge", "ada", "worse")
      yield* post(url, "judge", "bob", "good")
      const answer = yield* until(url, has('failed, key "ada"'))
      const { cause, cures } = curesOf(answer, "judge, replica 0")
      assert.match(cause, /judged\/\d+\/0: Broken: this word breaks it, since 20/)
      const [pause, restart] = cures
      assert.include(pause!, "pause")
      assert.strictEqual((yield* shell(pause!)).code, 0)
      assert.strictEqual((yield* shell(restart!)).code, 0)
      yield* running.line(/judged bob good/)
      const paused = yield* until(url, has('judge, key "ada"'))
      const [resume, skip] = curesOf(paused, "judge, key").cures
      assert.strictEqual((yield* shell(skip!)).code, 0)
      yield* until(url, has("judge, 1 dead letter"))
      assert.strictEqual((yield* shell(resume!)).code, 0)
      const [, replay] = curesOf(yield* until(url, lacks("judge, key")), "judge, 1 dead letter").cures
      yield* post(url, "mend")
      assert.strictEqual((yield* shell(replay!)).code, 0)
      yield* running.line(/judged ada worse/)
      yield* until(url, isWell)
    }).pipe(Effect.scoped, node)
  )

  it.live("shows a skipped key's message as a dead letter, which is shown, replayed and discarded", () =>
    Effect.gen(function* () {
      const { running, url } = yield* started()
      yield* post(url, "judge", "ada", "odd")
      const stuck = yield* until(url, has('judge, key "ada"'))
      assert.strictEqual((yield* shell(curesOf(stuck, "judge, key").cures[1]!)).code, 0)
      yield* post(url, "judge", "bob", "bad")
      const answer = yield* until(url, has("judge, 2 dead letters"))
      assert.strictEqual(answer.code, 1)
      const letters = curesOf(answer, "judge, 2 dead letters")
      assert.match(letters.cause, /, since 20\S+Z \(\d+ s\)$/)
      const [list, replay, discard] = letters.cures
      const shown = yield* shell(list!)
      assert.strictEqual(shown.out.at(-1), "2 dead letters")
      assert.match(shown.out.join("\n"), /"bob" .*Bad.*this word is bad/)
      const one = yield* sixfold("dead-letters", "judge", "show", "--key", "bob", "--url", url)
      assert.deepInclude(JSON.parse(one.out.join("\n")), { key: "bob", value: "bad" })
      yield* post(url, "mend")
      const only = yield* sixfold("dead-letters", "judge", "discard", "--key", "bob", "--url", url)
      assert.strictEqual(only.code, 0)
      yield* until(url, has("judge, 1 dead letter"))
      assert.strictEqual((yield* shell(replay!)).code, 0)
      yield* running.line(/judged ada odd/)
      yield* until(url, isWell)
      assert.include((yield* shell(discard!)).err, "judge has no dead letter")
    }).pipe(Effect.scoped, node)
  )

  it.live("shows a paused key, also one that has no message, and its command lets it go on", () =>
    Effect.gen(function* () {
      const { running, url } = yield* started()
      assert.strictEqual((yield* sixfold("keys", "judge", "pause", "ada", "--url", url)).code, 0)
      const answer = yield* until(url, has('judge, key "ada"'))
      assert.strictEqual(answer.code, 1)
      const { cause, cures } = curesOf(answer, 'judge, key "ada"')
      assert.include(cause, "paused by an operator")
      assert.match((yield* sixfold("keys", "judge", "--url", url)).out.join("\n"), /^"ada" .*\n1 keys held or paused$/)
      yield* post(url, "judge", "ada", "fine")
      assert.lengthOf(cures, 2)
      assert.strictEqual((yield* shell(cures[0]!)).code, 0)
      yield* running.line(/judged ada fine/)
      yield* until(url, isWell)
    }).pipe(Effect.scoped, node)
  )

  it.live(
    "shows an actor that has crashed too often with its cause, and starts it anew once it is mended, with a token too",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const tokenFile = `${yield* fs.makeTempDirectoryScoped()}/to ken`
        yield* fs.writeFileString(tokenFile, "0123456789abcdef\n")
        const { running, url } = yield* started("--token-file", tokenFile)
        const bearer = { headers: { authorization: "Bearer 0123456789abcdef" }, method: "POST" }
        const send = (path: string) => Effect.promise(() => fetch(`${url}/${path}`, bearer))
        yield* send("judge/ada/worse")
        const answer = yield* until(url, has(": failed"), "--token-file", tokenFile)
        assert.strictEqual(answer.code, 1)
        assert.match(answer.out.join("\n"), /judge +keyed +failed/)
        const { cause, cures } = curesOf(answer, "judge, replica 0")
        assert.include(cause, "this word breaks it")
        yield* send("mend")
        assert.strictEqual((yield* shell(cures[1]!)).code, 0)
        yield* running.line(/judged ada worse/)
        yield* until(url, isWell, "--token-file", tokenFile)
        const without = yield* sixfold("status", "--url", url)
        assert.deepInclude(without, { code: 1, out: [] })
        assert.include(without.err, "a token is needed")
      }).pipe(Effect.scoped, node),
    30_000
  )

  it.live("shows it anew with --watch, and waits for a server that is away", () =>
    Effect.gen(function* () {
      const { running, url } = yield* started()
      const watching = yield* program("status", "--watch", "--url", url)
      yield* watching.line(/^judge +keyed +running/)
      yield* running.kill("SIGKILL")
      yield* watching.line(/^cannot reach/)
      yield* watching.kill("SIGTERM")
      yield* watching.ended
    }).pipe(Effect.scoped, node)
  )
})

describe("hostile arguments and servers", () => {
  it.live(
    "change nothing, and are told in one line",
    () =>
      Effect.gen(function* () {
        const { url } = yield* started()
        const refused: ReadonlyArray<readonly [code: number, told: string, ...args: ReadonlyArray<string>]> = [
          [1, "no actor is named", "keys", "nobody", "pause", "ada"],
          [1, "no actor is named", "keys", "../judge", "pause", "ada"],
          [1, "gateway has no keys", "keys", "gateway", "pause", "ada"],
          [1, "key: ", "keys", "printer", "pause", "stop!"],
          [2, "the key is missing", "keys", "judge", "pause"],
          [2, "cannot be a part of an address", "keys", "..", "pause", "ada"],
          [1, "no actor is named", "dead-letters", "nobody"],
          [1, "does not exist", "dead-letters", "judge", "discard", "--id", "1-999"],
          [1, "has no dead letter of key", "dead-letters", "judge", "replay", "--key", "x\u{1b}[2J"],
          [2, "say which", "dead-letters", "judge", "discard"],
          [2, "--all does not go with", "dead-letters", "judge", "discard", "--all", "--key", "ada"]
        ]
        for (const [code, told, ...args] of refused) {
          const answer = yield* sixfold(...args, "--url", url)
          assert.strictEqual(answer.code, code, `${args.join(" ")}: ${answer.err}`)
          assert.include(answer.err, told)
          assert.notInclude(answer.err, "\u{1b}")
        }
        yield* until(url, isWell)
      }).pipe(Effect.scoped, node),
    30_000
  )

  it.live("are no Sixfold server: nobody listens, or something else does", () =>
    Effect.gen(function* () {
      const nobody = yield* sixfold("status", "--url", "http://127.0.0.1:1")
      assert.strictEqual(nobody.code, 1)
      assert.match(nobody.err, /^sixfold: cannot reach http:\/\/127\.0\.0\.1:1: [^\n]*$/)
      for (const [status, body] of [
        [200, "<html>"],
        [200, '{"actors":[]}'],
        [500, "down"]
      ] as const) {
        const { url } = yield* scriptedServer((_, response) => void response.writeHead(status).end(body))
        const answer = yield* sixfold("status", "--url", url)
        assert.deepStrictEqual(answer, { code: 1, out: [], err: `sixfold: ${url} is not a Sixfold server` })
      }
    }).pipe(Effect.scoped, node)
  )

  it.live("write nothing into a terminal that it would obey", () =>
    Effect.gen(function* () {
      const evil = "\u{1b}[2J\r\n\u{202e}x"
      const key = { key: evil, since: evil, cause: evil }
      const partition = { partition: 0, lag: 0, inFlight: 0, parked: 1, held: key, stuck: { count: 2, keys: [key] } }
      const replica = { instance: evil, replica: 0, state: "failed", partitions: [partition], restarts: 0 }
      const actor = { name: evil, kind: "keyed", state: "failed", replicas: [replica], deadLetters: 1 }
      const { url } = yield* scriptedServer((_, response) => void response.end(JSON.stringify([actor])))
      const { code, err, out } = yield* sixfold("status", "--url", url)
      assert.strictEqual(code, 1)
      assert.include(err, "4 things need a hand")
      assert.notMatch(out.join(""), /[\p{Cc}\p{Cf}]/u)
    }).pipe(Effect.scoped, node)
  )

  it.live("name a benchmark that is not there", () =>
    Effect.gen(function* () {
      for (const name of ["absent", "../test", "runtime/../run"]) {
        const { code, err } = yield* sixfold("bench", name)
        assert.deepStrictEqual(
          { code, err },
          { code: 2, err: `sixfold: no benchmark is named ${JSON.stringify(name)}` }
        )
      }
    }).pipe(Effect.scoped, node)
  )
})
