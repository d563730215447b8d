import { Effect, Option, Result, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { splitLimits } from "../../../actors/import/csv/split.ts"
import { contactsImport } from "../../../actors/import/contacts-import.ts"
import { importJobsActor } from "../../../actors/import/import-jobs.ts"
import { importProgressActor } from "../../../actors/import/import-progress.ts"
import type { NotCsv } from "../../../actors/import/csv/not-csv.ts"
import { type TooManyRows, upload } from "../../../actors/import/upload.ts"
import { type Actor, type AnyTopic, KafkaError, Log, type StatusEvent } from "../../../src/index.ts"
import { turn } from "../../../src/testing/turn.ts"
import { random } from "./random.ts"

interface Message {
  readonly topic: string
  readonly key: string
  readonly value: unknown
}

const actors: Readonly<Record<string, Actor<string, any, any, any, Log>>> = {
  imports: contactsImport,
  "import-jobs": importJobsActor,
  "import-progress": importProgressActor
}
const utf8 = new TextEncoder()
/** Small parts: a story needs many, not large ones. */
const limits = { ...splitLimits, partRows: 20 }

export interface WorldOptions {
  readonly seed: number
  /** What is reported about a part comes twice. */
  readonly repeats?: boolean
  /** Which jobs end as dead letters: their upload is gone. */
  readonly lost?: (part: string) => boolean
}

/**
 * The three actors without broker and runtime: one message at a time, in the order of each key, otherwise in an order that
 * the seed decides.
 */
export const world = (options: WorldOptions) => {
  const next = random(options.seed)
  const inbox = new Map<string, Array<Message>>()
  const states = new Map<string, unknown>()
  const records: Array<Message> = []
  const reported: Array<{ readonly channel: string; readonly event: StatusEvent }> = []
  const uploads: Array<{ readonly key: string; readonly value: Uint8Array }> = []
  let outage = Infinity

  const deliver = (message: Message) => {
    records.push(message)
    if (actors[message.topic] === undefined) return
    const id = `${message.topic} ${message.key}`
    const isReport = message.topic === "import-progress" || (message.value as { _tag: string })._tag === "PartEnded"
    const copies = options.repeats === true && isReport ? [message, message] : [message]
    inbox.set(id, [...(inbox.get(id) ?? []), ...copies])
  }
  const log = Log.of({
    append: Effect.fnUntraced(function* (topic, key, value) {
      for (let waits = next(4); waits > 0; waits--) yield* Effect.yieldNow // written and acknowledged in any order
      if (outage-- <= 0) return yield* new KafkaError({ reason: "Unavailable", message: "no broker" })
      const isUpload = topic.name === "import-uploads"
      if (isUpload) uploads.push({ key: String(key), value: value as Uint8Array })
      else deliver({ topic: topic.name, key: String(key), value: roundTrip(topic, value) })
      const offset = uploads.length - 1
      for (let waits = next(4); waits > 0; waits--) yield* Effect.yieldNow
      return { topic: topic.name, partition: 0, offset }
    }),
    read: (topic, at) =>
      Effect.sync(() => {
        const found = uploads[at.offset]
        if (topic.name !== "import-uploads" || found === undefined || options.lost?.(found.key) === true)
          return Option.none()
        return Option.some(found.value as never)
      })
  })

  const step = Effect.fnUntraced(function* (wanted: (message: Message) => boolean) {
    const ready = [...inbox.values()].filter((queue) => queue.length > 0 && wanted(queue[0]!))
    const queue = ready[next(Math.max(1, ready.length))]
    if (queue === undefined) return false
    const message = queue.shift()!
    const id = `${message.topic} ${message.key}`
    const actor = actors[message.topic]!
    const state = states.has(id) ? { state: states.get(id) } : {}
    const outcome = yield* turn(actor, { key: message.key, message: message.value, ...state })
    states.set(id, outcome.state)
    reported.push(...outcome.reported)
    for (const { key, topic, value } of outcome.emitted) deliver({ topic, key: String(key), value })
    return true
  })

  return {
    records,
    reported,
    uploads,
    /** After this many more appends the log cannot be reached. */
    failAfter: (appends: number) => {
      outage = appends
    },
    send: (topic: AnyTopic, key: string, value: unknown) =>
      deliver({ topic: topic.name, key, value: roundTrip(topic, value) }),
    upload: (
      body: Stream.Stream<Uint8Array, string> | string,
      channel?: string
    ): Effect.Effect<string, NotCsv | TooManyRows | KafkaError | string> =>
      upload(typeof body === "string" ? Stream.make(utf8.encode(body)) : body, { channel, limits }).pipe(
        Effect.provideService(Log, log),
        Effect.provideService(
          SecureRandom.SecureRandom,
          SecureRandom.make((size) => Uint8Array.from({ length: size }, () => next(256)))
        )
      ),
    /** One message of those wanted, or false. */
    step: (wanted: (message: Message) => boolean = () => true) => step(wanted).pipe(Effect.provideService(Log, log)),
    /** Until nothing wanted is left. */
    run: (wanted: (message: Message) => boolean = () => true) =>
      Effect.gen(function* () {
        while (yield* step(wanted));
      }).pipe(Effect.provideService(Log, log)),
    /** Messages that wait, of a topic. */
    waiting: (topic: string) => [...inbox.values()].flat().filter((message) => message.topic === topic),
    written: (topic: string) => records.filter((record) => record.topic === topic)
  }
}

const roundTrip = (topic: AnyTopic, value: unknown): unknown =>
  Result.getOrThrow(topic.codec.decodeValue(topic.codec.encodeValue(value)))
