import { Context, Effect, Layer, Option, Schedule } from "effect"
import type { Scope } from "effect"
import type { SqlError } from "effect/sql"
import type { AnyProjection } from "../actor/projection.ts"
import { actorOf, isRoutes, nodeName } from "../actor/topology.ts"
import type { AnyTopology, Topology } from "../actor/topology.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { TopicSpec } from "../kafka/kafka.ts"
import type { Database } from "../projection/identity.ts"
import { Actors, statusOf } from "./actors.ts"
import * as Children from "./children.ts"
import type { Place } from "./children.ts"
import * as DeadLetters from "./deadLetters.ts"
import { gateway } from "./graph.ts"
import type { Policy } from "./intensity.ts"
import * as Letters from "./letters.ts"
import * as Members from "./members.ts"
import * as Operator from "./operator.ts"
import { plan, steps } from "./plan.ts"
import { projectionRoutes } from "./projectionRoutes.ts"
import * as Rebuilds from "./rebuilds.ts"
import { together } from "./roster.ts"
import type { PlannedNode, Selection, TopologyError } from "./plan.ts"
import * as Supervisor from "./supervisor.ts"
import { declaredTopics } from "./topics.ts"

/** How `Topology.layer` runs a topology: which of its actors and how many of each (default: all, one of each), and under which names. */
export interface LayerOptions<E = never, R = never> extends Selection {
  /** Prefix of groups and transactional ids. Default "sixfold". */
  readonly app?: string
  /** Name of this process, unlike any other's, and the same after a restart. Default "main". */
  readonly instance?: string
  /** Serves the topology's routes; built when all else is started, closed before anything stops. Default: they are not served. */
  readonly gateway?: (routes: ReadonlyArray<Part>) => Layer.Layer<never, E, R | Actors>
  readonly policy?: Partial<Policy>
  /** Whether it tells other processes of the same application what it runs, and hears of them. Default false. */
  readonly members?: boolean
  /** Which database has the tables; asked for where this process writes or reads any. Default: not compared with other processes'. */
  readonly database?: Effect.Effect<Database, SqlError.SqlError>
}

/** A layer of the topology's, whose needs are provided here: that they are met was checked where the topology was made. */
export type Part = Layer.Layer<never, any, any>

const build = (part: Part) => Layer.build(part) as Effect.Effect<Context.Context<never>, unknown, Scope.Scope>

/** A broker that is away at the start is waited for, with capped back-off. */
const patiently = <A, R>(effect: Effect.Effect<A, KafkaError, R>) =>
  Effect.retry(
    Effect.tapError(effect, (error) =>
      error.reason === "Unavailable" ? Effect.logWarning("waiting for the broker", error.message) : Effect.void
    ),
    {
      while: (error) => error.reason === "Unavailable",
      schedule: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("10 seconds")])
    }
  )

/**
 * Every declared topic is there as declared, also those of actors that do not run here; an inbox whose partitions have
 * been changed fails with `TopicMismatch`.
 */
const ensureTopics = (topics: ReadonlyArray<TopicSpec>) =>
  Effect.flatMap(Kafka, (kafka) => patiently(kafka.topics.ensure(topics)))

/** What the topology's nodes share, built once: its resources, then its stores. */
const sharedServices = Effect.fnUntraced(function* (topology: AnyTopology) {
  let services = yield* Effect.context<never>()
  const stores = topology.nodes.flatMap((node) => (!isRoutes(node) && node.kind === "kv" ? [node.layer] : []))
  // The last resource given is the outermost: earlier ones may be built from it.
  for (const part of [...topology.resources.toReversed(), ...stores]) {
    services = Context.merge(services, yield* Effect.provideContext(build(part), services))
  }
  return services
})

const actorNamed = (topology: AnyTopology, name: string) => {
  const node = topology.nodes.find((node) => nodeName(node) === name)
  return node && actorOf(node)
}

const childrenOf = (topology: AnyTopology, { name, replicas }: PlannedNode, place: Place) => {
  const node = topology.nodes.find((node) => nodeName(node) === name)
  if (node === undefined) return []
  const actor = actorOf(node)
  return Array.from({ length: replicas }, (_, replica) =>
    actor === undefined
      ? Children.projected(node as AnyProjection, place, replica)
      : Children.keyed(actor, place, replica)
  )
}

/** Whether this process keeps tables, or answers from them. */
const hasTables = (nodes: ReadonlyArray<PlannedNode>, isServed: boolean): boolean =>
  nodes.some(({ table }) => table !== undefined) &&
  nodes.some(({ name, replicas, table }) => replicas > 0 && (table !== undefined || (isServed && name === gateway)))

const start = Effect.fnUntraced(function* (topology: AnyTopology, options: LayerOptions<unknown, never>) {
  const nodes = yield* Effect.fromResult(plan(topology, options))
  const topics = yield* Effect.fromResult(declaredTopics(topology))
  const place = { app: options.app ?? "sixfold", instance: options.instance ?? "main" }
  yield* ensureTopics(topics)
  const deadLetters = DeadLetters.deadLetterTopics(topology)
  const view = DeadLetters.view([...deadLetters.values()])
  const operator = yield* Operator.make
  const letters = Letters.make(yield* Kafka, view.open, operator)
  const services = yield* sharedServices(topology)
  const policy = options.policy === undefined ? {} : { policy: options.policy }
  const supervisor = yield* Supervisor.make({ instance: place.instance, ...policy })
  const status = () =>
    statusOf({
      nodes,
      instance: place.instance,
      children: supervisor.status(),
      deadLetters: (actor) => view.open.count(deadLetters.get(actor)?.name ?? ""),
      oldestDeadLetter: (actor) => view.open.oldest(deadLetters.get(actor)?.name ?? "")
    })
  const database = hasTables(nodes, options.gateway !== undefined)
    ? yield* Effect.transposeOption(Option.fromUndefinedOr(options.database))
    : Option.none()
  // Before the children: at the end it tells of them until they have stopped.
  const members =
    options.members === true
      ? yield* Members.make({ ...place, status, database: Option.getOrUndefined(database) })
      : undefined
  for (const step of steps(nodes)) {
    const children = step.flatMap((node) =>
      node.name === DeadLetters.deadLettersView ? [Children.lettersView(view)] : childrenOf(topology, node, place)
    )
    yield* Effect.provideContext(supervisor.start(children), services)
  }
  const actors = Actors.of({
    topology: { name: topology.name, nodes },
    status,
    everywhere: () => (members === undefined ? status() : together(status(), members.others())),
    restart: supervisor.restart,
    command: (name, key, command) => {
      const actor = actorNamed(topology, name)
      return actor === undefined || actor.definition.isAtLeastOnce
        ? Effect.succeed(false)
        : Effect.as(operator.command(actor, key, command), true)
    },
    letters: (name) =>
      Option.map(Option.fromNullishOr(deadLetters.get(name)), (topic) => {
        const owner = { name, topic, actor: actorNamed(topology, name) }
        return {
          list: (after, limit) => letters.list(owner, after, limit),
          command: (command) => letters.command(owner, command),
          replayAll: letters.replayAll(owner)
        }
      }),
    crash: supervisor.crash,
    progress: supervisor.progress,
    busy: supervisor.busy,
    failed: supervisor.failed
  })
  if (options.gateway !== undefined && nodes.some(({ name, replicas }) => name === gateway && replicas > 0)) {
    // What its old table kept down need not wait for its next try.
    const isDown = (name: string) =>
      supervisor.status().some(({ actor, state }) => actor === name && state === "failed")
    const rebuilds = yield* Rebuilds.make(topology, services, (name) =>
      isDown(name) ? supervisor.restart(name) : Effect.void
    )
    const shown = services.pipe(Context.add(Actors, actors), Context.add(Rebuilds.Rebuilds, rebuilds))
    const routes = [...topology.nodes.filter(isRoutes), projectionRoutes]
    yield* Effect.provideContext(build(options.gateway(routes)), shown)
  }
  return actors
})

/**
 * Runs a topology, or a selection of it: checks the topics, starts stores, replicas and the gateway in the order that
 * `sixfold topology` shows, and stops them in reverse when the layer's scope is closed. Whoever waits on it should also wait on
 * `Actors.failed`.
 */
export const layer = <R, E = never, RG = never>(
  topology: Topology<R>,
  options: LayerOptions<E, RG> = {}
): Layer.Layer<
  Actors,
  KafkaError | TopologyError | SqlError.SqlError | Members.OtherDatabase | E,
  Exclude<R | RG, Actors | Scope.Scope> | Kafka
> => Layer.effect(Actors, start(topology, options as LayerOptions<unknown, never>)) as never
