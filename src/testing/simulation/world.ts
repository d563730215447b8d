import { Context, Effect, Layer, Schedule } from "effect"
import type { Option, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import type { Actor } from "../../actor/actor.ts"
import type { Topic } from "../../actor/topic.ts"
import type { KafkaError } from "../../kafka/errors.ts"
import { Kafka } from "../../kafka/kafka.ts"
import { ownTopics } from "../../runtime/deadLetter.ts"
import { Log } from "../../runtime/log.ts"
import * as DeadLetters from "../../supervision/deadLetters.ts"
import * as Letters from "../../supervision/letters.ts"
import * as Operator from "../../supervision/operator.ts"
import * as Reading from "../reading.ts"
import type { Story } from "./story.ts"

/** The log as a program outside of the topology sees it; nothing of it goes wrong, whatever happens to the processes. */
export interface World {
  /** Appends a message. */
  send<K, V>(topic: Topic<K, V>, key: NoInfer<K>, value: NoInfer<V>): Effect.Effect<void, KafkaError>
  /** Pauses, resumes or skips a key, as an operator would. */
  command<K, M, S, E, R>(
    actor: Actor<K, M, S, E, R>,
    key: NoInfer<K>,
    op: "pause" | "resume" | "skip"
  ): Effect.Effect<void, KafkaError>
  /**
   * Dead letters that nobody has replayed or discarded, by partition, each in order; at most 100. What has just been written, or was
   * commanded just now, may not be heard of yet.
   */
  letters<K, M, S, E, R>(actor: Actor<K, M, S, E, R>): Effect.Effect<ReadonlyArray<Letters.ShownLetter>, KafkaError>
  /** Replays or discards one of them, as an operator would; fails where that is refused. */
  letter<K, M, S, E, R>(
    actor: Actor<K, M, S, E, R>,
    id: string,
    op: "replay" | "discard"
  ): Effect.Effect<void, KafkaError | Letters.LetterRefused>
  /** What is in a topic, committed: by partition, each in order. */
  read<K, V>(topic: Topic<K, V>): Effect.Effect<ReadonlyArray<readonly [key: K, value: V]>, KafkaError>
  /** The same as bytes, of any topic by name: `{actor}.dead-letters`, say. */
  records(topic: string): Effect.Effect<ReadonlyArray<Reading.LocatedRecord>, KafkaError>
  /** A key's settled state; none where it is still the initial one. */
  state<K, M, S, E, R>(actor: Actor<K, M, S, E, R>, key: NoInfer<K>): Effect.Effect<Option.Option<S>, KafkaError>
  /** The database of the topology's projections. */
  readonly sql: SqlClient.SqlClient
  /** For what is not here. */
  readonly kafka: Kafka["Service"]
}

const text = new TextDecoder()

export const make = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  sql: SqlClient.SqlClient,
  story: Story
): Effect.fn.Return<World, KafkaError, Scope.Scope> {
  const scope = yield* Effect.scope
  const own = Layer.succeed(Kafka, kafka)
  const log = Context.get(yield* Layer.build(Layer.provide(Log.layer, own)), Log)
  const operator = yield* Effect.provideService(Operator.make, Kafka, kafka)
  const followed = new Map<string, Letters.Letters>()

  /** Of one actor; followed from when somebody asks first, since few scenarios do. */
  const lettersOf = Effect.fnUntraced(function* (actor: Actor<any, any, any, any, any>) {
    const { deadLetters: topic } = ownTopics(actor.name, actor.definition.inbox.spec)
    const owner = { name: actor.name, topic, actor }
    let letters = followed.get(actor.name)
    if (letters === undefined) {
      const { open, run } = DeadLetters.view([topic])
      const reading = Effect.retry(Effect.scoped(run), Schedule.spaced("1 second"))
      yield* reading.pipe(Effect.provideService(Kafka, kafka), Effect.forkIn(scope))
      letters = Letters.make(kafka, open, operator)
      followed.set(actor.name, letters)
    }
    return { letters, owner }
  })

  return {
    send: (topic, key, value) => Effect.asVoid(log.append(topic, key, value)),
    command: (actor, key, op) => {
      const name = text.decode(actor.definition.inbox.codec.encodeKey(key))
      story.tell(`operator: ${op}`, `${actor.name}, ${name}`)
      // A key of the schema's own making.
      return Effect.catchTag(operator.command(actor, name, { op }), "KeyRefused", Effect.die)
    },
    letters: (actor) =>
      Effect.gen(function* () {
        const { letters, owner } = yield* lettersOf(actor)
        return (yield* letters.list(owner, undefined, 100)).letters
      }),
    letter: (actor, id, op) =>
      Effect.gen(function* () {
        const { letters, owner } = yield* lettersOf(actor)
        story.tell(`operator: ${op}`, `${actor.name}, ${id}`)
        yield* letters.command(owner, { op, id })
      }),
    read: (topic) => Reading.readTopic(kafka, topic),
    records: (topic) => Reading.readRecords(kafka, topic),
    state: (actor, key) => Reading.readState(kafka, actor, key),
    sql,
    kafka
  }
})
