/**
 * Buffers that batches are encoded in, to be used again: a new one for each would be fetched from the system page by page, and the
 * collector would run for their sake.
 */
export interface Buffers {
  /** At least so many bytes, with anything in them. */
  take(bytes: number): Buffer
  /** Whole, as it was taken; nobody may look at it any more. */
  give(buffer: Buffer): void
}

/** Below, a new one is cheap. */
const smallest = 16 * 1024

/** Keeps at most `limit` bytes. */
export const make = (limit: number): Buffers => {
  const bySize = new Map<number, Array<Buffer>>()
  let kept = 0
  return {
    take: (bytes) => {
      if (bytes <= smallest) return Buffer.allocUnsafe(bytes)
      const size = 2 ** Math.ceil(Math.log2(bytes))
      const found = bySize.get(size)?.pop()
      if (found === undefined) return Buffer.allocUnsafeSlow(size)
      kept -= size
      return found
    },
    give: (buffer) => {
      const size = buffer.length
      if (size <= smallest || kept + size > limit) return
      kept += size
      const same = bySize.get(size)
      if (same === undefined) bySize.set(size, [buffer])
      else same.push(buffer)
    }
  }
}
