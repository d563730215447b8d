import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Console, Effect, Option, Schema, Stream } from "effect"
import type { letterActions } from "./actions.ts"
import { ask } from "./ask.ts"
import { destination } from "./destination.ts"
import type { DestinationFlags } from "./destination.ts"
import { printable } from "../actor/printable.ts"
import { table } from "./table.ts"
import { RequestFailed } from "./request.ts"
import type { Destination } from "./request.ts"
import { UsageError } from "./usage.ts"

/** `sixfold dead-letters`' arguments. */
export interface LettersOptions extends DestinationFlags {
  readonly actor: string
  readonly action: (typeof letterActions)[number]
  /** Only the letters of this key. */
  readonly key: Option.Option<string>
  /** Only this one. */
  readonly id: Option.Option<string>
  /** Discard without naming a key or an id. */
  readonly all: boolean
}

const LetterSchema = Schema.Struct({
  id: Schema.String,
  key: Schema.NullOr(Schema.String),
  error: Schema.String,
  attempts: Schema.Finite,
  failedAt: Schema.String,
  source: Schema.Unknown,
  value: Schema.Unknown,
  idempotencyKey: Schema.String,
  replays: Schema.Finite
})
type Letter = typeof LetterSchema.Type

const Page = Schema.Struct({ letters: Schema.Array(LetterSchema), next: Schema.NullOr(Schema.String) })
const Done = Schema.Struct({ id: Schema.String })
const Replayed = Schema.Struct({ replayed: Schema.Finite, refused: Schema.Finite })

/** The letters that are meant, page by page. */
const letters = (to: Destination, { actor, id, key }: LettersOptions) =>
  Stream.paginate(undefined as string | undefined, (after) =>
    Effect.map(
      ask(to, {
        method: "GET",
        path: ["dead-letters", actor],
        query: after === undefined ? {} : { after },
        answer: Page
      }),
      ({ letters, next }) => [letters, next === null ? Option.none() : Option.some(next)] as const
    )
  ).pipe(
    Stream.filter(
      (letter) => (Option.isNone(key) || letter.key === key.value) && (Option.isNone(id) || letter.id === id.value)
    )
  )

const line = ({ attempts, error, failedAt, id, key, replays }: Letter): ReadonlyArray<string> => [
  printable(id),
  key === null ? "no key" : printable(JSON.stringify(key), 60),
  printable(failedAt),
  `${attempts} attempts${replays === 0 ? "" : `, replayed ${replays} times`}`,
  printable(error, 120)
]

/** Everything about a letter; text within JSON that a terminal would obey stays escaped. */
const whole = (letter: Letter): string =>
  JSON.stringify(letter, undefined, 2)
    .split("\n")
    .map((line) => printable(line, 2_000_000))
    .join("\n")

const noneMeant = ({ actor, id, key }: LettersOptions) => {
  const of = Option.isSome(id)
    ? ` with id ${id.value}`
    : Option.isSome(key)
      ? ` of key ${JSON.stringify(key.value)}`
      : ""
  return new RequestFailed({ message: `${actor} has no dead letter${printable(of)}` })
}

/** Each letter that is meant, on its own: what has been done stays done when a later one is refused. */
const each = Effect.fnUntraced(function* (to: Destination, options: LettersOptions, op: "replay" | "discard") {
  const { actor } = options
  const meant = Option.isSome(options.id)
    ? [options.id.value]
    : (yield* Stream.runCollect(letters(to, options))).map(({ id }) => id)
  if (meant.length === 0) return yield* noneMeant(options)
  let refused = 0
  for (const id of meant) {
    yield* ask(to, { method: "POST", path: ["dead-letters", actor, id, op], answer: Done }).pipe(
      Effect.andThen(Console.log(`${actor}: ${op} ${printable(id)} is in the log; its owner obeys it in its turn`)),
      Effect.catchTag("RequestFailed", ({ message }) => {
        refused++
        return Console.error(message)
      })
    )
  }
  if (refused > 0) return yield* new RequestFailed({ message: `${refused} of ${meant.length} refused` })
})

const replayAll = Effect.fnUntraced(function* (to: Destination, { actor }: LettersOptions) {
  const answer = { method: "POST", path: ["dead-letters", actor, "replay"], answer: Replayed } as const
  const { refused, replayed } = yield* ask(to, answer)
  yield* Console.log(`${actor}: replay of ${replayed} is in the log; their owners obey it in their turn`)
  if (refused > 0)
    return yield* new RequestFailed({ message: `${refused} may not be replayed: show them, or discard them` })
})

/**
 * `sixfold dead-letters`: lists, shows, replays or discards the dead letters of an actor, all or those of a key or an id; a discard of
 * all has to be asked for. Fails with `UsageError` and `RequestFailed`.
 */
export const deadLetters = Effect.fnUntraced(function* (options: LettersOptions) {
  const { action, all, id, key } = options
  const isNarrow = Option.isSome(id) || Option.isSome(key)
  if (all && isNarrow) return yield* new UsageError({ message: "--all does not go with --key or --id" })
  if (action === "discard" && !isNarrow && !all) {
    return yield* new UsageError({ message: "discard: say which, by --key, --id or --all" })
  }
  const to = yield* destination(options)
  switch (action) {
    case "list": {
      const found = yield* Stream.runCollect(letters(to, options))
      for (const text of table(found.map(line))) yield* Console.log(text)
      return yield* Console.log(`${found.length} dead letter${found.length === 1 ? "" : "s"}`)
    }
    case "show": {
      const shown = yield* letters(to, options).pipe(
        Stream.tap((letter) => Console.log(whole(letter))),
        Stream.runCount
      )
      return isNarrow && shown === 0 ? yield* noneMeant(options) : undefined
    }
    case "replay":
      return yield* isNarrow ? each(to, options, "replay") : replayAll(to, options)
    case "discard":
      return yield* each(to, options, "discard")
  }
}, Effect.provide(NodeHttpClient.layerNodeHttp))
