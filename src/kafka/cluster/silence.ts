import type { Clock } from "effect"

/** Milliseconds for which a broker that has not answered is asked only where nobody else is there. */
const lasts = 30_000

interface Address {
  readonly host: string
  readonly port: number
}

const id = ({ host, port }: Address) => `${host}:${port}`

/**
 * Who has not answered of late, whoever asked. What any broker could tell (metadata, coordinators, producer ids) is asked of the
 * others: one that is frozen costs a time-out once, not each client in turn.
 */
export class Silence {
  readonly #clock: Clock.Clock
  readonly #failedAt = new Map<string, number>()

  constructor(clock: Clock.Clock) {
    this.#clock = clock
  }

  failed(broker: Address): void {
    this.#failedAt.set(id(broker), this.#clock.currentTimeMillisUnsafe())
  }

  answered(broker: Address): void {
    if (this.#failedAt.size > 0) this.#failedAt.delete(id(broker))
  }

  /** The brokers in the order to ask them; with each `turn` another one of those that answer comes first: no answer is believed alone. */
  inTurn<Broker extends Address>(brokers: ReadonlyArray<Broker>, turn: number): ReadonlyArray<Broker> {
    const now = this.#clock.currentTimeMillisUnsafe()
    const isSilent = (broker: Broker) => now - (this.#failedAt.get(id(broker)) ?? -Infinity) < lasts
    const [speaking, silent] = [brokers.filter((one) => !isSilent(one)), brokers.filter(isSilent)]
    const from = turn % Math.max(1, speaking.length)
    return [...speaking.slice(from), ...speaking.slice(0, from), ...silent]
  }
}
