import { assert, describe, it } from "@effect/vitest"
import { Cell } from "../../src/runtime/cell.ts"
import { closed } from "../../src/runtime/closure.ts"

describe("a settle that is bounded", () => {
  it("never commits an offset beyond a message that stays behind a command which overtook it", () => {
    const [ada, bob] = [new Cell("ada"), new Cell("bob")]
    const turn = (cell: Cell, offset: number) => ({ cell, offset, outputs: [], entries: [] })
    // Ada's command at 9 was obeyed before her message at 4 was parked; only what lies before 7 is to be settled.
    const { included, next, rest } = closed([turn(bob, 2), turn(ada, 9), turn(ada, 4), turn(bob, 6)], 7)
    assert.deepStrictEqual([next, included.map(({ offset }) => offset)], [4, [2]])
    assert.deepStrictEqual(
      rest.map(({ offset }) => offset),
      [9, 4, 6]
    )
  })
})
