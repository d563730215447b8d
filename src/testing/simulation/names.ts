import { Effect } from "effect"
import type { BrokerRequest } from "../../kafka/embedded/faults.ts"
import type { Kafka } from "../../kafka/kafka.ts"

interface Taken {
  readonly client: string
  /** It is ours for sure: whatever its process writes from now on has to be refused. */
  isOurs: boolean
  hasWritten: boolean
}

/**
 * Takes the names of running processes, as a second process of the same name would. Such a process has to notice: it commits
 * nothing more until it has taken the name back, or two would run as one without a word.
 */
export class Names {
  readonly violations: Array<string> = []
  readonly #taken = new Map<string, Taken>()

  /** Takes a transactional id away from a process, for a moment. */
  take(kafka: Kafka["Service"], transactionalId: string, client: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const taken: Taken = { client, isOurs: false, hasWritten: false }
      this.#taken.set(transactionalId, taken)
      const done = Effect.sync(() => {
        taken.isOurs = true
      })
      return Effect.ignore(Effect.andThen(Effect.scoped(kafka.transactor({ transactionalId })), done))
    })
  }

  /** Of every request, before it is made. */
  see({ client, commits, kind, subjects: [subject = ""] }: BrokerRequest): void {
    for (const [id, taken] of this.#taken) {
      if (taken.client !== client || !subject.startsWith(id)) continue
      if (kind === "init" && subject === id) this.#taken.delete(id)
      else if (kind === "write") taken.hasWritten ||= taken.isOurs
      else if (kind === "end" && commits === true && taken.hasWritten) {
        this.violations.push(`${client} goes on as ${subject} although another process has taken ${id}`)
        this.#taken.delete(id)
      }
    }
  }
}
