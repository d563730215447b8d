import { idempotencyKey } from "./identity.ts"
import type { SettleSet } from "./partition.ts"

/** Turns whose records the broker refused, by idempotency key, until their dead letter is settled: a replay may try again. */
export class Refusals {
  private readonly counts = new Map<string, number>()

  get none(): boolean {
    return this.counts.size === 0
  }

  /** How often the broker has refused what the turn of this idempotency key wrote. */
  times(id: string): number {
    return this.counts.get(id) ?? 0
  }

  /** Refused once more. False where not even the bare dead letter was taken: the topic is to be mended. */
  add(id: string): boolean {
    const times = this.times(id) + 1
    this.counts.set(id, times)
    return times <= 2
  }

  settled({ included, partition }: SettleSet): void {
    if (this.counts.size === 0) return
    for (const { cell, task } of included) {
      if (task !== undefined) this.counts.delete(idempotencyKey(partition, cell, task))
    }
  }
}
