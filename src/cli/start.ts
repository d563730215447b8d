import type { Option } from "effect"
import type { LimitFlags } from "./limitFlags.ts"
import type { LogFormat } from "./logging.ts"
import type { SelectionFlags } from "./topology.ts"

/** `sixfold start`'s flags. */
export interface StartOptions extends SelectionFlags {
  /** Brokers, as host:port; none: the embedded one. */
  readonly kafka: Option.Option<ReadonlyArray<string>>
  /** A PostgreSQL, as postgres://…; none: SQLite in the data directory. */
  readonly database: Option.Option<string>
  readonly data: string
  readonly host: string
  readonly port: number
  readonly app: string
  readonly instance: Option.Option<string>
  readonly tokenFile: Option.Option<string>
  readonly channelKeyFile: Option.Option<string>
  readonly allowOrigin: Option.Option<ReadonlyArray<string>>
  readonly log: LogFormat
  /** Seconds. */
  readonly drain: number
  readonly limits: LimitFlags
}
