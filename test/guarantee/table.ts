import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { World } from "../../src/testing/simulation/world.ts"

interface Row {
  readonly id: string
  readonly handled: string
  readonly setting: number | null
  readonly backwards: number
}

/** The table has what was handled of each key, each once and in order, and its last setting, and never went back to an earlier one. */
export const tableWrong = Effect.fnUntraced(function* (
  { sql }: World,
  handled: ReadonlyMap<string, ReadonlyArray<number>>,
  set: ReadonlyMap<string, number>
): Effect.fn.Return<ReadonlyArray<string>, SqlError.SqlError> {
  const found: Array<string> = []
  const rows = new Map((yield* sql<Row>`SELECT * FROM shelf`).map((row) => [row.id, row]))
  for (const [key, ids] of handled) {
    const row = rows.get(key)
    const [told, expected] = [(row?.handled ?? "").trim(), ids.join(" ")]
    if (told !== expected) found.push(`${key}: the table has ${told}, not ${expected}`)
    const [setting, last] = [row?.setting ?? undefined, set.get(key)]
    if (setting !== last) found.push(`${key}: its setting in the table is ${setting}, not ${last}`)
    if ((row?.backwards ?? 0) > 0) found.push(`${key}: the table went back ${row!.backwards} times`)
  }
  return found
})
