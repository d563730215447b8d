import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Console, Effect, Option, Redacted, Ref, Schema, Stdio, Stream } from "effect"
import { connect } from "../client/index.ts"
import type { Client, Update } from "../client/index.ts"
import { ImportCounts, isOver, line, rowsOf } from "./progress.ts"
import { readToken } from "./token.ts"
import { RequestFailed } from "./request.ts"
import { reach, readable, upload } from "./upload.ts"

/** `sixfold import`'s arguments. */
export interface ImportOptions {
  readonly file: string
  readonly url: URL
  readonly tokenFile: Option.Option<string>
}

/** The import has ended, but not all of it is imported. */
export class ImportEnded extends Schema.TaggedError<ImportEnded>()("ImportEnded", { message: Schema.String }) {}

/** How long a server may be away, in milliseconds: a restart is waited for. */
const patience = 60_000

const connected = ({ token, url }: { readonly token: Option.Option<Redacted.Redacted>; readonly url: URL }) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: (signal) =>
        connect(url, {
          patience,
          signal,
          ...(Option.isSome(token) ? { token: Redacted.value(token.value) } : {})
        }),
      catch: () => new RequestFailed({ message: `cannot follow anything at ${url.origin}: no WebSocket at /channels` })
    }),
    (client) => Effect.sync(() => client.close())
  )

const countsOf = (importId: string) => {
  const decode = Schema.decodeUnknownOption(ImportCounts)
  return (update: Update): Option.Option<ImportCounts> =>
    update.type === "status" && update.event.kind === "import" && update.event["importId"] === importId
      ? decode(update.event)
      : Option.none()
}

/** Every status of the import, up to its last. */
const follow = (client: Client, importId: string, origin: string) =>
  Stream.fromAsyncIterable(
    client.statuses(),
    (error) =>
      new RequestFailed({
        message: `${error instanceof Error ? error.message : "lost"}; the import goes on: GET ${origin}/imports/${importId}`
      })
  ).pipe(
    Stream.map(countsOf(importId)),
    Stream.filter(Option.isSome),
    Stream.map(({ value }) => value),
    Stream.takeUntil(isOver)
  )

/** The bar, in one place of a terminal, or else a line for each change. */
const makeDisplay = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  const shown = yield* Ref.make("")
  const isTerminal = yield* stdio.stdoutIsTerminal
  const write = (text: string) => Stream.run(Stream.make(text), stdio.stdout({ endOnDone: false }))
  return {
    show: Effect.fnUntraced(function* (counts: ImportCounts) {
      const text = line(counts)
      if ((yield* Ref.getAndSet(shown, text)) !== text) yield* write(isTerminal ? `\r\u{1b}[K${text}` : `${text}\n`)
    }),
    end: Effect.flatMap(Ref.get(shown), (text) => (isTerminal && text !== "" ? write("\n") : Effect.void))
  }
})

/**
 * `sixfold import`: uploads a file and follows its import to the end, also over restarts of the server. Fails with `UsageError` for a
 * file that cannot be read, `RequestFailed` where the server is away or refuses, `ImportEnded` unless all of it is done.
 */
export const importFile = Effect.fnUntraced(
  function* ({ file, tokenFile, url }: ImportOptions) {
    const token = yield* readToken(tokenFile)
    yield* readable(file)
    yield* reach({ url, token })
    const client = yield* connected({ url, token })
    yield* Console.log(`uploading ${file}`)
    const importId = yield* upload({ file, url, token, channel: client.channel.id })
    yield* Console.log(`accepted as ${importId}`)
    const display = yield* makeDisplay
    const last = yield* follow(client, importId, url.origin).pipe(
      Stream.tap(display.show),
      Stream.runLast,
      Effect.ensuring(Effect.ignore(display.end))
    )
    const counts = yield* Effect.orDie(Effect.fromOption(last))
    if (counts.rows.rejected > 0) {
      yield* Console.log(`rejected rows: GET ${url.origin}/imports/${importId}/rejects`)
    }
    if (counts.state !== "done") {
      return yield* new ImportEnded({ message: `the import is ${counts.state}: ${rowsOf(counts)}` })
    }
    yield* Console.log(`done: ${rowsOf(counts)}`)
  },
  Effect.scoped,
  Effect.provide(NodeHttpClient.layerNodeHttp)
)
