/** What every contestant is told, and what it answers: on the command line as JSON, and as one line of JSON. */
export interface Job {
  readonly task: "produce" | "consume" | "transform" | "latency"
  readonly bootstrap: string
  /** Written by `produce` and `latency`, read by the others. */
  readonly topic: string
  /** Where `transform` writes. */
  readonly output: string
  readonly partitions: number
  readonly records: number
  /** Milliseconds between two transactions of `latency`; 0: back to back. */
  readonly gap: number
}

export interface Outcome {
  readonly seconds: number
  /** Of the client's process, all threads, in the same time; in seconds. */
  readonly cpu: number
  /** At the end, in MiB. */
  readonly rss: number
  /** Of `latency`: how long each transaction took, in milliseconds. */
  readonly took?: ReadonlyArray<number>
}

/** What `memory.ts` is told, and what it answers. */
export interface MemoryJob {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  /** To write and to read, of values. */
  readonly bytes: number
}

/** MiB. */
export interface MemoryOutcome {
  readonly early: number
  readonly late: number
  readonly highest: number
}

export const valueBytes = 200

/** Records of one transaction of `transform`. */
export const transactionRecords = 10_000

const value = Buffer.alloc(valueBytes, "v")

const keys = Array.from({ length: 10_000 }, (_, n) => Buffer.from(String(n).padStart(8, "0")))

/** The nth record of a run: 8 bytes of key, 200 of value; made beforehand, and the same for all contestants. */
export const keyOf = (n: number): Buffer => keys[n % keys.length]!
export const valueOf = (): Buffer => value

let touched = 0
/** What a no-op consumer does with a record: looks at its key and value. */
export const touch = (key: Uint8Array | null, value: Uint8Array | null): void => {
  touched = (touched + key![0]! + value![0]! + value!.length) | 0
}

export const job = (): Job => JSON.parse(process.argv[2]!) as Job

/** Milliseconds after which `latency` ends with what it has: a client that waits a second for each retry would take minutes. */
export const latencyLimit = 10_000

/** Transactions of `latency` before those that count. */
export const warmUp = 20

/** Records that `produce` writes before those that count: a compiler's warm-up is not what is measured. */
export const warmUpRecords = 200_000

export interface Began {
  readonly at: number
  readonly cpu: NodeJS.CpuUsage
}

export const begin = (): Began => ({ at: performance.now(), cpu: process.cpuUsage() })

export const answer = (began: Began, took?: ReadonlyArray<number>): void => {
  const { system, user } = process.cpuUsage(began.cpu)
  const outcome: Outcome = {
    seconds: (performance.now() - began.at) / 1_000,
    cpu: (system + user) / 1_000_000,
    rss: Math.round(process.memoryUsage.rss() / 1024 / 1024),
    ...(took === undefined ? {} : { took })
  }
  console.log(JSON.stringify(outcome))
}
