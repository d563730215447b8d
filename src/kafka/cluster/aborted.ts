/** A transaction that was aborted, as a fetch lists it. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

/**
 * Which batches of one fetched partition belong to aborted transactions, as the Java client tells them (KIP-98): from the
 * first offset of an aborted transaction its producer's data is skipped, until that producer's abort marker. Batches must come in
 * offset order, each asked about once.
 */
export interface AbortedFilter {
  /** True: the data batch of this producer must not be delivered. */
  skipsData(producerId: bigint, baseOffset: number): boolean
  abortMarker(producerId: bigint, baseOffset: number): void
}

export const make = (aborted: ReadonlyArray<AbortedTransaction>): AbortedFilter => {
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const producers = new Set<bigint>()
  let next = 0
  const reach = (offset: number) => {
    while (next < waiting.length && waiting[next]!.firstOffset <= offset) producers.add(waiting[next++]!.producerId)
  }
  return {
    skipsData: (producerId, baseOffset) => {
      reach(baseOffset)
      return producers.has(producerId)
    },
    abortMarker: (producerId, baseOffset) => {
      reach(baseOffset)
      producers.delete(producerId)
    }
  }
}
