import type { Limits } from "./limits.ts"

/** Addresses remembered at once. */
const remembered = 10_000

interface Bucket {
  tokens: number
  at: number
}

/** What each client (address) has under way and has asked lately. */
export class Clients {
  private readonly buckets = new Map<string, Bucket>()
  private readonly uploads = new Map<string, number>()
  private readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** Counts a request; false when the client has asked too often. `now` in milliseconds. */
  admit(client: string, now: number): boolean {
    const rate = this.limits.requestsPerClient
    let bucket = this.buckets.get(client)
    if (bucket === undefined) {
      // To forget a bucket only forgives; to remember every address would not be bounded.
      if (this.buckets.size >= remembered) this.buckets.clear()
      this.buckets.set(client, (bucket = { tokens: rate, at: now }))
    }
    bucket.tokens = Math.min(rate, bucket.tokens + (Math.max(0, now - bucket.at) * rate) / 1000)
    bucket.at = now
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  /** Takes one of the client's upload slots; false when all are taken. */
  beginUpload(client: string): boolean {
    const running = this.uploads.get(client) ?? 0
    if (running >= this.limits.uploadsPerClient) return false
    this.uploads.set(client, running + 1)
    return true
  }

  endUpload(client: string): void {
    const running = this.uploads.get(client) ?? 0
    if (running > 1) this.uploads.set(client, running - 1)
    else this.uploads.delete(client)
  }
}
