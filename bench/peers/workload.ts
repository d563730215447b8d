/** What every contestant is told, as its arguments, and what it answers: one line of JSON. */
export interface Job {
  /**
   * - `count`: exactly once, for each message the state of its key plus one, and one output.
   * - `wait`: a handler of 5 ms, in the order of each key.
   */
  readonly task: "count" | "wait"
  readonly bootstrap: string
  readonly topic: string
  /** Where `count` writes. */
  readonly output: string
  readonly records: number
}

export interface Outcome {
  /** From the first message handled until the group has committed all. */
  readonly seconds: number
  /** Of the process at the end, in MiB. */
  readonly rss: number
}

export const partitions = 8
export const handlerMillis = 5
/** Keys of each task. */
export const keys = { count: 10_000, wait: 1_000 } as const
