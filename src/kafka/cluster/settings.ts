import type { ConnectionOptions as TlsOptions } from "node:tls"
import type { Redacted } from "effect"

/** How batches are compressed. Reading knows all of them. */
export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd"

export interface Sasl {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512"
  readonly username: string
  readonly password: Redacted.Redacted
}

export interface ClusterOptions {
  /** `host:port`, at least one; the others are learned from it. */
  readonly brokers: ReadonlyArray<string>
  /** Default: no TLS. `true` takes the system's authorities. */
  readonly tls?: boolean | TlsOptions
  readonly sasl?: Sasl
  /** Shown in the brokers' logs and quotas. Default `sixfold`. */
  readonly clientId?: string
  /** Default `none`. */
  readonly compression?: Compression
  /** Milliseconds a batch waits for company before it is sent. Default 0: a batch fills while the earlier ones are on their way. */
  readonly linger?: number
  /** Bytes of records a producer holds at most, waiting and under way; `send` waits beyond it. Default 32 MiB. */
  readonly bufferBytes?: number
  /** Milliseconds after which a record that could not be written fails its `send`. Default 120,000. */
  readonly deliveryTimeout?: number
  /** Milliseconds to wait for an answer, after which the connection is given up. Default 10,000. */
  readonly requestTimeout?: number
  /** Milliseconds administration and look-ups try before they fail with `Unavailable`. Default 20,000. */
  readonly patience?: number
  /** Bytes a reader fetches ahead at most, per broker and per partition. Default 4 MiB and 1 MiB. */
  readonly prefetchBytes?: number
  readonly partitionPrefetchBytes?: number
  /** The highest version to speak of an API, by its protocol name. For tests against older protocols. */
  readonly maxVersions?: Readonly<Record<string, number>>
}

export interface Settings {
  readonly brokers: ReadonlyArray<string>
  readonly tls: TlsOptions | undefined
  readonly sasl: Sasl | undefined
  readonly clientId: string
  readonly compression: Compression
  readonly linger: number
  readonly bufferBytes: number
  readonly deliveryTimeout: number
  readonly requestTimeout: number
  readonly patience: number
  readonly prefetchBytes: number
  readonly partitionPrefetchBytes: number
  readonly maxVersions: Readonly<Record<string, number>>
}

export const settings = (options: ClusterOptions): Settings => ({
  brokers: options.brokers,
  tls: options.tls === true ? {} : options.tls === false ? undefined : options.tls,
  sasl: options.sasl,
  clientId: options.clientId ?? "sixfold",
  compression: options.compression ?? "none",
  linger: options.linger ?? 0,
  bufferBytes: options.bufferBytes ?? 32 * 1024 * 1024,
  deliveryTimeout: options.deliveryTimeout ?? 120_000,
  requestTimeout: options.requestTimeout ?? 10_000,
  patience: options.patience ?? 20_000,
  prefetchBytes: options.prefetchBytes ?? 4 * 1024 * 1024,
  partitionPrefetchBytes: options.partitionPrefetchBytes ?? 1024 * 1024,
  maxVersions: options.maxVersions ?? {}
})
