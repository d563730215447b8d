import { Context, Effect, FiberSet, Layer, Random } from "effect"
import type { Scope } from "effect"
import type { KafkaError } from "../errors.ts"
import { Kafka } from "../kafka.ts"
import * as Cleaner from "./cleaner.ts"
import * as Client from "./client.ts"
import { Connection } from "./connection.ts"
import type { Faults } from "./connection.ts"
import * as Control from "./control.ts"
import { Coordinator } from "./coordinator.ts"
import { emptyGroup } from "./groups.ts"
import type { Group } from "./groups.ts"
import { CommittedOffsets } from "./offsets.ts"
import { loadTopics } from "./state.ts"
import type { State } from "./state.ts"
import { Storage } from "./storage.ts"
import * as Store from "./store.ts"
import { recoverTransactions } from "./transactions.ts"
import type { Background } from "./transactor.ts"
import * as Writer from "./writer.ts"

/** Where the embedded broker keeps its log, and how it cleans. */
export interface Options {
  /** Where the log is kept, in a file of its own; absent: in memory. The directory is made if it is missing. */
  readonly directory?: string
  /** Milliseconds between two rounds of compaction and retention; 0: only when asked. Default 30,000 with a directory, else 0. */
  readonly cleanEvery?: number
  /** Milliseconds a tombstone is kept after it was cleaned first. Default 24 hours. */
  readonly deleteRetention?: number
}

/** One client of the broker: in a simulation, a process. */
export interface BrokerClient {
  readonly name: string
  readonly kafka: Kafka["Service"]
  /**
   * The process is gone without a word: no call of it is ever answered again, groups wait for its sessions to expire, its
   * open transactions for their time-out or their transactional id's next owner.
   */
  readonly crash: Effect.Effect<void>
  /** Stops the process as SIGSTOP does: no heartbeats; its calls, and what it is told, wait for `thaw`. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

/**
 * The broker in this process: the same semantics as Kafka's behind the same port. Several clients may share it. It has no
 * clock but Effect's and no randomness but Effect's (one draw for the cluster id), so that a simulation replays.
 */
export class EmbeddedBroker extends Context.Service<
  EmbeddedBroker,
  {
    readonly clusterId: string
    /** The client of that name; each name is one process. */
    client(name: string): BrokerClient
    readonly control: Control.Control
  }
>()("sixfold/EmbeddedBroker") {}

const clusterId = Effect.map(
  Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 0xffffffff))),
  (words) => words.map((word) => word.toString(16).padStart(8, "0")).join("")
)

const load = (storage: Storage): State => {
  const { db } = storage
  const groups = db
    .prepare("SELECT * FROM generations")
    .all()
    .map((row) => [String(row["consumers"]), emptyGroup(Number(row["generation"]))] as const)
  const wakes: State["wakes"] = []
  const state: State = {
    clusterId: String(db.prepare("SELECT cluster FROM broker").get()?.["cluster"]),
    storage,
    ...loadTopics(storage),
    touched: new Set(),
    wakes,
    offsets: new CommittedOffsets(db, wakes),
    groups: new Map<string, Group>(groups),
    transactors: new Map()
  }
  db.exec("BEGIN")
  recoverTransactions(state)
  db.exec("COMMIT")
  return state
}

/**
 * Starts a broker. Fails with `Locked` when another process has the directory, and with `Refused` when what is in it is not
 * a broker's, is damaged, or is of another format version.
 */
export const make = (options: Options = {}): Effect.Effect<EmbeddedBroker["Service"], KafkaError, Scope.Scope> =>
  Effect.gen(function* () {
    const db = yield* Store.open(options.directory, yield* clusterId)
    const state = load(new Storage(db))
    const run = yield* FiberSet.makeRuntime()
    const background: Background = (effect) => {
      const fiber = run(effect)
      return () => fiber.interruptUnsafe()
    }
    const writer = yield* Writer.make(state)
    const coordinator = new Coordinator(state, writer, background)
    const cleaner = Cleaner.make(state, writer, options.deleteRetention)
    const cleanEvery = options.cleanEvery ?? (options.directory === undefined ? 0 : 30_000)
    if (cleanEvery > 0) yield* Effect.forkScoped(Cleaner.every(cleaner, cleanEvery))

    const faults: Faults = { hook: undefined }
    const clients = new Map<string, BrokerClient>()
    const client = (name: string): BrokerClient => {
      const known = clients.get(name)
      if (known !== undefined) return known
      const connection = new Connection(name, faults, background)
      const kafka = Client.make(state, writer, coordinator, connection, background)
      const made: BrokerClient = {
        name,
        kafka,
        crash: Effect.sync(() => {
          connection.crash()
          clients.delete(name)
          for (const session of coordinator.sessionsOf(name)) coordinator.silence(session, "gone")
        }),
        freeze: Effect.sync(() => {
          connection.freeze()
          for (const session of coordinator.sessionsOf(name)) coordinator.silence(session, "frozen")
        }),
        thaw: Effect.sync(() => {
          for (const session of coordinator.sessionsOf(name)) coordinator.hear(session, "frozen")
          connection.thaw()
        })
      }
      clients.set(name, made)
      return made
    }
    const control = Control.make(state, writer, coordinator, cleaner, faults)
    return { clusterId: state.clusterId, client, control }
  })

/** The broker as `Kafka` (its client "local") and, for tests, as `EmbeddedBroker`. */
export const layer = (options: Options = {}): Layer.Layer<Kafka | EmbeddedBroker, KafkaError> =>
  Layer.effectContext(
    Effect.map(make(options), (broker) =>
      Context.make(EmbeddedBroker, broker).pipe(Context.add(Kafka, broker.client("local").kafka))
    )
  )

/** The fake: a fresh broker in memory. */
export const layerMemory: Layer.Layer<Kafka | EmbeddedBroker> = Layer.orDie(layer())
