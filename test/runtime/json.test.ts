import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { jsonText } from "../../src/actor/topic.ts"

/** Made anew each time: what is compiled is one schema object, and another one of the same shape is interpreted. */
const make = () =>
  Schema.Struct({
    id: Schema.NonEmptyString,
    count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
    note: Schema.optionalKey(Schema.String),
    parts: Schema.Array(Schema.Struct({ name: Schema.String, of: Schema.NullOr(Schema.Finite) })),
    kind: Schema.Union([Schema.Literals(["a", "b"]), Schema.Boolean]),
    at: Schema.optionalKey(Schema.DateTimeUtcFromString),
    more: Schema.Record(Schema.String, Schema.Unknown)
  })
const Order = make()

/** What JSON may hold where an order is expected. */
const Field = Schema.Union([
  Schema.String,
  Schema.Finite,
  Schema.Boolean,
  Schema.Null,
  Schema.Array(Schema.Finite),
  Schema.Struct({ name: Schema.String, of: Schema.Finite })
])
const Broken = Schema.Struct({
  id: Schema.optionalKey(Field),
  count: Schema.optionalKey(Field),
  parts: Schema.optionalKey(Field),
  kind: Schema.optionalKey(Field),
  more: Schema.optionalKey(Field),
  surplus: Schema.optionalKey(Field)
})

describe("a compiled codec of JSON", () => {
  const compiled = jsonText(Order)
  const codec = Schema.toCodecJson(make())
  const [decode, encode] = [Schema.decodeUnknownResult(codec), Schema.encodeSync(codec)]
  const outcome = <A>(result: Result.Result<A, unknown>) =>
    Result.isSuccess(result) ? JSON.stringify(result.success) : `failed: ${String(result.failure)}`

  it.prop("takes back what it wrote, as the schema writes it", [Order], ([order]) => {
    const text = compiled.encode(order)
    assert.strictEqual(text, JSON.stringify(encode(order)))
    assert.strictEqual(outcome(compiled.decode(text)), outcome(decode(JSON.parse(text))))
  })

  it.prop("refuses what the schema refuses, in the same words", [Order, Broken], ([order, broken]) => {
    const text = JSON.stringify({ ...(encode(order) as object), ...broken })
    assert.strictEqual(outcome(compiled.decode(text)), outcome(decode(JSON.parse(text))))
  })

  it("drops what the schema does not know, and throws on a value that breaks it", () => {
    const order = {
      id: "o",
      count: 1,
      parts: [{ name: "p", of: null, surplus: 1 }],
      kind: "a",
      more: { x: [1] }
    } as const
    const kept = { ...order, parts: [{ name: "p", of: null }] }
    assert.deepStrictEqual(Result.getOrThrow(compiled.decode(JSON.stringify({ ...order, surplus: 1 }))), kept)
    assert.throws(() => compiled.encode({ ...order, count: 10 }), /count|between/i)
  })
})
