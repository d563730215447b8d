import { assert, it } from "@effect/vitest"
import { Cause } from "effect"
import { SqlError } from "effect/sql"
import { mayBeTheRecord } from "../../src/projection/blame.ts"

const sql = (reason: SqlError.SqlErrorReason) => new SqlError.SqlError({ reason })
const closed = sql(new SqlError.ConnectionError({ cause: new Error("Connection closed") }))
const refused = sql(new SqlError.ConstraintError({ cause: { code: "23514" } }))

it("a record is not blamed for a connection that has ended, also where the rollback dies of it", () => {
  assert.isFalse(mayBeTheRecord(Cause.fail(closed)))
  assert.isFalse(mayBeTheRecord(Cause.die(closed)))
  assert.isFalse(mayBeTheRecord(Cause.combine(Cause.fail(closed), Cause.die(closed))))
  assert.isFalse(mayBeTheRecord(Cause.combine(Cause.fail(refused), Cause.die(closed))))
})

it("a record is blamed for what the database says of it, and for a defect of the projection", () => {
  assert.isTrue(mayBeTheRecord(Cause.fail(refused)))
  assert.isTrue(mayBeTheRecord(Cause.die(new TypeError("no such field"))))
})
