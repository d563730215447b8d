import type { ProducerRecord } from "../kafka/records.ts"
import type * as Entry from "../store/entry.ts"
import type { Cell, Task } from "./cell.ts"

/** A finished turn: what settling it writes. Those of one key settle in order. */
export interface Finished {
  readonly cell: Cell
  /** What was done; none where no handler ran. */
  readonly task?: Task
  /** The inbox offset it consumes from the window; -1 where it consumes none (a timer, an unparked message). */
  readonly offset: number
  readonly outputs: ReadonlyArray<ProducerRecord>
  readonly entries: ReadonlyArray<Entry.EntryChange>
  /** The key's state from here on, as JSON; null deletes its entry; absent: as before. The last one of a settle is written. */
  readonly state?: string | null | undefined
}
