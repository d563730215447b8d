import { Deferred, Effect, Option } from "effect"
import type { KvChange } from "./contents.ts"
import type { Answer, Outcome } from "./topics.ts"

/** A write on its way, from before it is sent until its caller is told. */
export interface Waiting {
  readonly requestId: string
  readonly key: string
  /** What the writer decided, as soon as that is known. */
  outcome: Outcome | undefined
  /** The newest version of the key that this process has applied. */
  seen: number
  absent: boolean
  /** Completed once this process has applied what the outcome speaks of. */
  readonly done: Deferred.Deferred<Outcome>
}

/**
 * The writes of this process that wait for their results. Value and result come by different partitions, in any order: a
 * write is done when both are here, so that its caller reads what it wrote; a conflict, when its caller can see what it lost to.
 */
export class Pending {
  private readonly byRequest = new Map<string, Set<Waiting>>()
  private readonly byKey = new Map<string, Set<Waiting>>()
  private ripe: Array<Waiting> = []

  /** `seen`: the version this process has of the key; 0 where the key is absent. */
  add(requestId: string, key: string, seen: number, absent: boolean): Waiting {
    const waiting = { requestId, key, seen, absent, outcome: undefined, done: Deferred.makeUnsafe<Outcome>() }
    add(this.byRequest, requestId, waiting)
    add(this.byKey, key, waiting)
    return waiting
  }

  remove(waiting: Waiting): void {
    remove(this.byRequest, waiting.requestId, waiting)
    remove(this.byKey, waiting.key, waiting)
  }

  answered({ requestId, ...outcome }: Answer): void {
    for (const waiting of this.byRequest.get(requestId) ?? []) {
      waiting.outcome = outcome
      this.look(waiting)
    }
  }

  applied({ entry, key, version }: KvChange<unknown>): void {
    for (const waiting of this.byKey.get(key) ?? []) {
      waiting.seen = version
      waiting.absent = Option.isNone(entry)
      this.look(waiting)
    }
  }

  /** Tells the callers of all writes that are done by now. They run at once, before this returns. */
  release(): void {
    const ripe = this.ripe
    this.ripe = []
    for (const { done, outcome } of ripe) Deferred.doneUnsafe(done, Effect.succeed(outcome!))
  }

  private look(waiting: Waiting): void {
    if (waiting.outcome !== undefined && isVisible(waiting, waiting.outcome)) this.ripe.push(waiting)
  }
}

const isVisible = ({ absent, seen }: Waiting, outcome: Outcome): boolean => {
  if ("version" in outcome) return seen >= outcome.version
  return outcome.conflict === null ? absent : seen >= outcome.conflict
}

const add = (index: Map<string, Set<Waiting>>, id: string, waiting: Waiting): void => {
  const known = index.get(id)
  if (known === undefined) index.set(id, new Set([waiting]))
  else known.add(waiting)
}

const remove = (index: Map<string, Set<Waiting>>, id: string, waiting: Waiting): void => {
  const known = index.get(id)
  known?.delete(waiting)
  if (known?.size === 0) index.delete(id)
}
