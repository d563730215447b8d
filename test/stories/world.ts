import { Context, Effect } from "effect"
import type { Scope } from "effect"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Header, KafkaRecord } from "../../src/kafka/records.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { connect } from "../../src/client/index.ts"
import type { Client } from "../../src/client/index.ts"
import { readAll, text } from "../broker/clients.ts"
import { atOnce } from "../client/scripted.ts"
import type { PaymentService } from "./payments.ts"

/** The system as its users have it: addresses, a log that other programs write to and read, and the payment service it calls. */
export class World extends Context.Service<
  World,
  {
    /** Where its processes take requests. */
    readonly urls: ReadonlyArray<string>
    /** The broker, as another program has it. */
    readonly kafka: Kafka["Service"]
    readonly payments: PaymentService
    /** Something happens to a process at a random moment soon; does not wait for it. In a calm world nothing does. */
    readonly trouble: Effect.Effect<void>
    /** How many times the work of the smallest story there is to do. */
    readonly size: number
  }
>()("test/stories/World") {}

let names = 0

/** A name no other story has used, short enough for any id. */
export const named = (prefix: string): string => `${prefix}-${Date.now().toString(36)}-${process.pid}-${names++}`

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export interface Asking {
  /** JSON, or as it is where it is text or bytes. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The process that is asked first, by its number; default: whose turn it is. */
  readonly at?: number
}

let turn = 0

const bodyOf = (body: unknown): Pick<RequestInit, "body"> =>
  body === undefined
    ? {}
    : { body: typeof body === "string" || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }

/** How long anybody waits for an answer before asking again. */
const patience = 30_000

/** Not whether the server can answer, but whether a write was made. */
const isUnknown = ({ status, text }: Answer): boolean => status === 503 && text.includes(`"unknown"`)

/**
 * One request, to the processes in turn. Who gets no answer (the process is gone), or is told to come later (it is not up yet), asks
 * the next one, as often as it takes: the test's time is the limit. An answer that says that the server failed is a failure of the test.
 */
export const ask = Effect.fnUntraced(function* (method: string, path: string, { at, body, headers = {} }: Asking = {}) {
  const { urls } = yield* World
  for (let n = at ?? turn++; ; n++) {
    const url = `${urls[n % urls.length]!}${path}`
    const answer = yield* Effect.promise(() =>
      fetch(url, {
        method,
        headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        ...bodyOf(body),
        signal: AbortSignal.timeout(patience)
      })
        .then(async (response): Promise<Answer | undefined> => ({
          status: response.status,
          headers: response.headers,
          text: await response.text()
        }))
        .catch(() => undefined)
    )
    if (answer !== undefined && (answer.status < 500 || isUnknown(answer))) return answer
    if (answer !== undefined && answer.status !== 503) {
      return yield* Effect.die(new Error(`${method} ${path}: ${answer.status} ${answer.text}`))
    }
    yield* Effect.sleep("50 millis")
  }
})

/** What must be taken; whoever is told that it cannot be now tells it again, as the answer says. */
export const told = Effect.fnUntraced(function* (method: string, path: string, body?: unknown) {
  for (;;) {
    const { status, text } = yield* ask(method, path, body === undefined ? {} : { body })
    if (status === 202) return JSON.parse(text) as Readonly<Record<string, unknown>>
    if (status !== 503) throw new Error(`${method} ${path}: ${status} ${text}`)
    yield* Effect.sleep("1 second")
  }
})

/** What a GET answers; undefined where there is none (yet). */
export const get = (path: string, at?: number) =>
  Effect.map(ask("GET", path, at === undefined ? {} : { at }), ({ status, text }) => {
    if (status === 404) return undefined
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`)
    return JSON.parse(text)
  })

/** A view lags behind: asks until it is as it must become. The test's time is the limit; then `last` says how it was. */
export const until = <A, R>(
  ask: Effect.Effect<A, never, R>,
  isThere: (answer: A) => boolean
): Effect.Effect<A, never, R> => {
  let last: A | undefined
  const again: Effect.Effect<A, never, R> = Effect.flatMap(ask, (answer) => {
    last = answer
    return isThere(answer) ? Effect.succeed(answer) : Effect.andThen(Effect.sleep("50 millis"), again)
  })
  return Effect.onInterrupt(again, () =>
    Effect.suspend(() => Effect.logError(`waited in vain, at last: ${JSON.stringify(last)?.slice(0, 2_000)}`))
  )
}

/** Until what a path answers is exactly this, in every process. */
export const becomes = Effect.fnUntraced(function* (path: string, expected: unknown) {
  const { urls } = yield* World
  const wanted = JSON.stringify(expected)
  for (const at of urls.keys()) yield* until(get(path, at), (answer) => JSON.stringify(answer) === wanted)
})

/** A browser with a channel of its own. It reconnects by itself. */
export const browser: Effect.Effect<Client, never, World | Scope.Scope> = Effect.flatMap(World, ({ urls }) =>
  Effect.acquireRelease(
    Effect.promise((signal) => connect(urls[turn++ % urls.length]!, { backoff: atOnce, signal })),
    (client) => Effect.sync(() => client.close()),
    // Its process may never come back.
    { interruptible: true }
  )
)

/** The next event on the browser's channel that is meant; a gap would mean that something was missed. */
export const next = Effect.fnUntraced(function* (client: Client, isMeant: (event: any) => boolean = () => true) {
  for (;;) {
    const { value } = yield* Effect.promise(() => client.statuses().next())
    if (value?.type !== "status") throw new Error(`not a status: ${JSON.stringify(value)}`)
    if (isMeant(value.event)) return value.event as any
  }
})

const utf8 = new TextEncoder()
const bytes = (of: unknown): Uint8Array | null =>
  of === null ? null : of instanceof Uint8Array ? of : utf8.encode(typeof of === "string" ? of : JSON.stringify(of))

export interface Written {
  readonly topic: string
  readonly key: string | Uint8Array | null
  /** JSON, or as it is where it is text or bytes; null: a tombstone. */
  readonly value: unknown
  /** Says something again that was in the log already. */
  readonly again?: boolean
}

const partitions = 12
const again: ReadonlyArray<Header> = [["again", new Uint8Array()]]

/** Whether a story has written this record as a repeat. */
export const isRepeat = ({ headers }: KafkaRecord): boolean => headers.some(([name]) => name === "again")

/** Another program writes to the log, in this order per key; answers where. */
export const write = (...records: ReadonlyArray<Written>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { kafka } = yield* World
      const producer = yield* kafka.producer
      return yield* producer.send(
        records.map(({ again: isAgain, key, topic, value }) => ({
          topic,
          partition: key === null ? 0 : partitionFor(bytes(key)!, partitions),
          key: bytes(key),
          value: bytes(value),
          headers: isAgain === true ? again : [],
          timestamp: Date.now()
        }))
      )
    })
  ).pipe(Effect.orDie)

/** Another program reads a topic: everything committed in it, by partition, each in order. */
export const records = Effect.fnUntraced(function* (
  topic: string
): Effect.fn.Return<ReadonlyArray<KafkaRecord & { readonly partition: number }>, never, World> {
  const { kafka } = yield* World
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const found = yield* Effect.orDie(Effect.provideService(readAll(places), Kafka, kafka))
  return places.flatMap(({ partition }) =>
    (found.get(`${topic}/${partition}`) ?? []).map((record) => ({ ...record, partition }))
  )
})

/** What is there more than once although no story has said it again: where the records are, by key and value. */
export const saidTwice = (
  all: ReadonlyArray<KafkaRecord & { readonly partition: number }>
): ReadonlyArray<readonly [what: string, at: ReadonlyArray<string>]> => {
  const places = new Map<string, Array<string>>()
  for (const record of all) {
    if (isRepeat(record)) continue
    const { key, offset, partition, timestamp, value } = record
    const what = `${text(key)}: ${text(value)}`
    const at = `${partition}/${offset} of ${new Date(timestamp).toISOString()}`
    places.set(what, [...(places.get(what) ?? []), at])
  }
  return [...places].filter(([, at]) => at.length > 1)
}
