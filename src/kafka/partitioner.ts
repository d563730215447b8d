/**
 * MurmurHash2, 32 bits, seed 0x9747b28c, as the Java client computes it
 * (org.apache.kafka.common.utils.Utils#murmur2), so that every Java, Sixfold and console producer agrees on a key's partition.
 */
export const murmur2 = (bytes: Uint8Array): number => {
  const m = 0x5bd1e995
  const length = bytes.length
  let h = 0x9747b28c ^ length
  let i = 0
  for (; i + 4 <= length; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    h = Math.imul(h, m) ^ Math.imul(k, m)
  }
  const rest = length - i
  if (rest === 3) h ^= bytes[i + 2]! << 16
  if (rest >= 2) h ^= bytes[i + 1]! << 8
  if (rest >= 1) h = Math.imul(h ^ bytes[i]!, m)
  h ^= h >>> 13
  h = Math.imul(h, m)
  return h ^ (h >>> 15)
}

/** The partition of a key: the Java client's default partitioner. A null key has none: callers choose. */
export const partitionFor = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions
