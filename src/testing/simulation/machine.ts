import { Effect } from "effect"
import type { Clock } from "effect"

/** The clock of one simulated machine: its time of day may be wrong, and may be set forward and back; its timers go on. */
export interface Machine {
  readonly clock: Clock.Clock
  /** Milliseconds ahead of the world's clock (negative: behind). */
  ahead: number
}

export const make = (world: Clock.Clock): Machine => {
  const millis = () => world.currentTimeMillisUnsafe() + machine.ahead
  const nanos = () => world.currentTimeNanosUnsafe() + BigInt(machine.ahead) * 1_000_000n
  const machine: Machine = {
    ahead: 0,
    clock: {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: () => world.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: world.monotonicTimeNanos,
      sleep: (duration) => world.sleep(duration)
    }
  }
  return machine
}
