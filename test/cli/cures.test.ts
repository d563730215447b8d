import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { execFileSync } from "node:child_process"
import { troublesOf } from "../../src/cli/cures.ts"
import { printable, quoted, shownKey } from "../../src/actor/printable.ts"
import { age } from "../../src/cli/status.ts"
import type { ActorStatus, ReplicaStatus } from "../../src/supervision/actors.ts"
import type { PartitionStatus } from "../../src/supervision/child.ts"

const since = "2026-01-01T00:00:00.000Z"
const way = { url: new URL("http://127.0.0.1:8080"), isOther: false, tokenFile: undefined, here: new Set(["p1"]) }
const partition = (rest: Partial<PartitionStatus> = {}): PartitionStatus => ({
  partition: 3,
  lag: 0,
  inFlight: 0,
  parked: 0,
  held: null,
  ...rest
})
const replica = (rest: Partial<ReplicaStatus> = {}): ReplicaStatus => ({
  instance: "p1",
  replica: 0,
  state: "running",
  partitions: [partition()],
  restarts: 0,
  ...rest
})
const actor = (rest: Partial<ActorStatus> = {}): ActorStatus => ({
  name: "renewals",
  kind: "keyed",
  state: "running",
  replicas: [replica()],
  deadLetters: 0,
  ...rest
})
const told = (...replicas: ReadonlyArray<ReplicaStatus>) => troublesOf(way, [actor({ replicas })])

describe("what needs a hand", () => {
  it("is nothing where all runs, lags, restores, drains or waits for a retry", () => {
    for (const state of ["starting", "restoring", "running", "draining"] as const) {
      assert.deepStrictEqual(
        told(replica({ state, restarts: 9, partitions: [partition({ lag: 1e6, parked: 5 })] })),
        []
      )
    }
    assert.deepStrictEqual(troublesOf(way, [actor({ kind: "routes", replicas: [] })]), [])
  })

  it.each(["handler", "worker", "transaction", "changelog", "group", "inbox"] as const)(
    "is a partition held by a %s: it is named, with since when and why",
    (by) => {
      const [trouble, ...others] = told(
        replica({ partitions: [partition({ held: { key: "k", by, since, cause: "the cause" } })] })
      )
      assert.lengthOf(others, 0)
      assert.include(trouble!.what, by === "handler" || by === "worker" ? 'key "k"' : `${by} k`)
      assert.deepInclude({ ...trouble }, { since, cause: "the cause" })
      const cures = trouble!.cures.map(({ command }) => command)
      assert.strictEqual(cures.at(-1), "curl -X POST http://127.0.0.1:8080/actors/renewals/restart")
      assert.lengthOf(cures, by === "inbox" ? 3 : 1)
    }
  )

  it("is a topic that a transaction keeps back, and a database that a projection waits for", () => {
    const held = (by: "inbox" | "transaction", key: string) => ({ by, key, since, cause: "c" })
    const curesOf = (held: PartitionStatus["held"]) => {
      const replicas = [replica({ partitions: [partition({ topic: "bells", held })] })]
      return troublesOf(way, [actor({ kind: "projection", replicas })])[0]!.cures.map(({ command }) => command)
    }
    assert.deepStrictEqual(curesOf(held("inbox", "bells")).slice(0, 2), [
      "sixfold topics …",
      "kafka-transactions.sh … describe-producers --topic bells --partition 3; kafka-transactions.sh … abort --topic bells --partition 3 --start-offset OFFSET"
    ])
    assert.include(curesOf(held("transaction", "table_1"))[0]!, "pg_stat_activity")
  })

  it("is a replica that is tried again after it has failed, until it runs", () => {
    const trouble = { since, cause: "a bug" }
    for (const state of ["starting", "restoring"] as const) {
      assert.deepInclude({ ...told(replica({ state, trouble }))[0]! }, { cause: "a bug", since })
    }
    assert.lengthOf(told(replica({ state: "draining", trouble })), 0)
  })

  it("is told once for a key that holds its partition, the longest first, with what is left out", () => {
    const keys = ["b", "a"].map((key, n) => ({ key, since: `2026-01-0${2 - n}`, cause: "Declined" }))
    const found = told(replica({ partitions: [partition({ held: keys[1]!, stuck: { count: 30, keys } })] }))
    assert.deepStrictEqual(
      found.map(({ what }) => what),
      ['renewals, key "a"', 'renewals, key "b"', "renewals, partition 3"]
    )
    assert.include(found[2]!.cause, "28 more")
  })

  it("is a process that has fallen silent, and an actor that runs nowhere", () => {
    const gone = replica({ instance: "p2", state: "stopped", partitions: [], silentSince: since })
    assert.deepInclude({ ...told(replica(), gone)[0]! }, { what: "renewals, replica 0 of p2", since })
    assert.lengthOf(told(replica(), gone), 1)
    assert.include(told(gone)[0]!.cause, "it runs in no process")
    assert.include(told()[0]!.cures[0]!.command, "--actors renewals")
  })

  it("is a replica of another process, which this one cannot start anew", () => {
    const [trouble] = told(replica({ instance: "p2", state: "failed", trouble: { since, cause: "a bug" } }))
    assert.deepInclude({ ...trouble }, { since, cause: "a bug" })
    assert.include(trouble!.cures[0]!.command, "http://ADDRESS-OF-p2/actors/renewals/restart")
  })

  it.each([
    ["KafkaError/Unavailable", "sixfold topics …"],
    ["KafkaError/TopicMissing", "sixfold topics --create …"],
    ["KafkaError/TopicMismatch", "sixfold topics …"],
    ["KafkaError/Unauthorized", "sixfold topics …"],
    ["ProjectionError/OtherLog", "sixfold projection rebuild renewals"],
    ["ProjectionError/BeyondEnd", "sixfold projection rebuild renewals"],
    ["ProjectionError/InboxOverrun", "sixfold projection rebuild renewals"],
    ["ProjectionError/TooManyRefused", "sixfold projection rebuild renewals"],
    [
      "ReplicaError/PositionMismatch",
      "--group APP.renewals --topic TOPIC:PARTITION --reset-offsets --to-offset OFFSET"
    ],
    ["ReplicaError/InboxOverrun", "--group APP.renewals --topic TOPIC:PARTITION --reset-offsets --to-earliest"],
    [
      "ReplicaError/TopicRecreated",
      "--delete --topic renewals.state && kafka-consumer-groups.sh … --delete --group APP.renewals"
    ],
    ["ReplicaError/RestoreStalled", "describe-producers --topic renewals.state --partition PARTITION"],
    ["ReplicaError/PartitionsChanged", "sixfold topics …"],
    ["ReplicaError/MemoryExceeded", "memory: …"],
    ["ReplicaError/Escalated", "sixfold keys renewals pause ''"],
    ["SqlError/ConnectionError", "pg_isready -d DATABASE"],
    ["SqlError/AuthenticationError", "psql DATABASE"],
    ["SqlError/AuthorizationError", "psql DATABASE"],
    ["SqlError/SqlSyntaxError", "sixfold projection rebuild renewals"]
  ])("is a replica that is down with %s: what cures it comes before the restart", (error, command) => {
    const [trouble] = told(replica({ state: "failed", trouble: { since, cause: "as it says", error } }))
    const [cure, restart, ...others] = trouble!.cures
    assert.include(cure!.command, command)
    assert.include(restart!.command, "/actors/renewals/restart")
    assert.lengthOf(others, 0)
  })

  it("is a key whose error took its replica down: paused, it lets the others go on", () => {
    const trouble = { since, cause: "judged/0/3: Broken", error: "ReplicaError/Escalated", key: "a b" }
    const [told_, ...others] = told(replica({ state: "failed", trouble }))
    assert.lengthOf(others, 0)
    assert.include(told_!.what, 'failed, key "a b"')
    assert.deepInclude(
      { ...told_!.cures[0] },
      { command: "sixfold keys renewals pause 'a b'", path: "/actors/renewals/keys/a%20b/pause" }
    )
  })

  it("names the path that does the same, but for what this server cannot do", () => {
    const key = { key: "a/b?", since, cause: "Declined" }
    const paths = (...replicas: ReadonlyArray<ReplicaStatus>) =>
      told(...replicas).flatMap(({ cures }) => cures.map(({ path }) => path))
    assert.deepStrictEqual(paths(replica({ partitions: [partition({ stuck: { count: 1, keys: [key] } })] })), [
      "/actors/renewals/keys/a%2Fb%3F/resume",
      "/actors/renewals/keys/a%2Fb%3F/skip"
    ])
    const failed = { state: "failed", trouble: { since, cause: "a bug" } } as const
    assert.deepStrictEqual(paths(replica(failed)), ["/actors/renewals/restart"])
    assert.deepStrictEqual(paths(replica({ ...failed, instance: "p2" })), [undefined])
    assert.deepStrictEqual(
      troublesOf(way, [actor({ deadLetters: 2 })]).flatMap(({ cures }) => cures.map(({ path }) => path)),
      [undefined, "/dead-letters/renewals/replay", undefined]
    )
  })

  it.each(["", ".", "..", "a\0b"])("names no path for the key %j, which none can hold", (key) => {
    const [trouble] = told(
      replica({ partitions: [partition({ stuck: { count: 1, keys: [{ key, since, cause: "c" }] } })] })
    )
    assert.deepStrictEqual(
      trouble!.cures.map(({ path }) => path),
      [undefined, undefined]
    )
  })

  it("is a dead letter; a projection's is not replayed", () => {
    const [trouble] = troublesOf(way, [actor({ kind: "projection", deadLetters: 1 })])
    assert.deepStrictEqual(
      trouble!.cures.map(({ command }) => command),
      ["sixfold dead-letters renewals list", "sixfold dead-letters renewals discard --all"]
    )
  })
})

describe("text from elsewhere", () => {
  it.prop("comes back from a shell as it went in", [Schema.String], ([word]) => {
    const text = word.replaceAll("\0", "").toWellFormed()
    const back = execFileSync("bash", ["--norc", "-c", `printf %s ${quoted(text)}`], { env: { LC_ALL: "C.UTF-8" } })
    assert.strictEqual(back.toString("utf8"), text)
  })

  it.prop("is printed in one line that no terminal obeys", [Schema.String], ([text]) => {
    assert.notMatch(printable(`${text}\u{1b}\u{202e}\n\u{9b}`), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  })

  it("is cut where it is long", () => {
    assert.strictEqual(printable("x".repeat(1_000)).length, 301)
  })

  it("is a key of a few words where a log tells of it", () => {
    assert.strictEqual(shownKey('a"\n'), '"a\\"\\n"')
    assert.strictEqual(shownKey("ada@example.com".repeat(70)).length, 61)
  })
})

describe("an age", () => {
  it("is short", () => {
    const day = 86_400_000
    assert.deepStrictEqual([-5, 99_999, 100_000, day, 3 * day].map(age), ["0 s", "99 s", "1 min", "24 h", "3 d"])
  })
})
