/**
 * The files that may do what Effect code may not, each with what and why. Anything else is a mistake; so is an entry
 * that is no longer needed.
 */
export const adapters: ReadonlyArray<{
  readonly path: string
  readonly uses: ReadonlyArray<string>
  readonly why: string
}> = [
  { path: "src/cli/main.ts", uses: ["run", "process.exit"], why: "the program's edge: the one place that runs it" },
  {
    path: "src/actor/topic.ts",
    uses: ["try"],
    why: "TextDecoder and JSON throw; decoding is a plain function on the hot path"
  },
  {
    path: "src/status/status.ts",
    uses: ["try"],
    why: "TextDecoder and JSON throw on what another program may have written"
  },
  {
    path: "src/client/connection.ts",
    uses: ["setTimeout", "Math.random"],
    why: "the client depends on nothing, so that a browser can load it as it is: not on Effect either"
  },
  {
    path: "src/http/endOfTurn.ts",
    uses: ["setImmediate"],
    why: "the end of the event loop's turn is the platform's: Effect has no word for it"
  },
  { path: "src/client/frame.ts", uses: ["try"], why: "JSON.parse throws on what a server may send" },
  { path: "src/status/gateway.ts", uses: ["run"], why: "ws calls back outside of any fiber; each event starts one" },
  {
    path: "src/kafka/cluster/batch-decoder.ts",
    uses: ["try"],
    why: "Buffer reads throw beyond the end of a broken batch"
  },
  {
    path: "src/kafka/cluster/connections.ts",
    uses: ["try"],
    why: "the client library's pool throws from a callback API"
  },
  {
    path: "src/kafka/cluster/fetcher.ts",
    uses: ["try"],
    why: "the synchronous decoder throws CorruptBatch; here it becomes the slot's failure"
  },
  {
    path: "src/kafka/cluster/read-record.ts",
    uses: ["try"],
    why: "the synchronous decoder throws CorruptBatch; here it becomes a typed error"
  },
  {
    path: "src/kafka/cluster/reader.ts",
    uses: ["try"],
    why: "the synchronous decoder throws CorruptBatch; here it becomes the slot's failure"
  },
  {
    path: "src/kafka/embedded/reader.ts",
    uses: ["try"],
    why: "node:sqlite is synchronous and throws; here it becomes a typed error"
  },
  {
    path: "src/kafka/embedded/store.ts",
    uses: ["try"],
    why: "node:sqlite and node:fs are synchronous and throw; here it becomes a typed error"
  },
  {
    path: "src/kafka/embedded/writer.ts",
    uses: ["try"],
    why: "node:sqlite is synchronous and throws; a failed flush ends the broker"
  }
]
