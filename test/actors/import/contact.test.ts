import { assert, describe, it } from "@effect/vitest"
import { normalizeEmail } from "../../../actors/import/contact.ts"

describe("an e-mail address", () => {
  it("is one contact however it is written", () => {
    for (const written of [
      "Ada@Example.COM",
      " ada@example.com\t",
      "mailto:ada@example.com",
      "Ada L. <ada@example.com>"
    ]) {
      assert.strictEqual(normalizeEmail(written), "ada@example.com", written)
    }
    assert.strictEqual(normalizeEmail("andre\u0301@example.com"), normalizeEmail("andr\u00e9@example.com"))
  })

  it("is usable with what real addresses have", () => {
    for (const email of [
      "a@b.co",
      "first.last+tag@sub.example.com",
      "o'neill@example.com",
      "x_1%y@ex-ample.com",
      "用户@例え.テスト"
    ]) {
      assert.strictEqual(normalizeEmail(email), email)
    }
  })

  it("is not usable where no mail could be sent", () => {
    const unusable = [
      "",
      "ada",
      "ada@",
      "@example.com",
      "ada@localhost",
      "ada@example..com",
      "ada@@example.com",
      "a b@example.com",
      "a@exa mple.com",
      ".a@example.com",
      "a.@example.com",
      "a..b@example.com",
      "a@example.com, b@example.com",
      "=cmd@example.com!x",
      "a@example.com\u0000",
      "a\ufffd@example.com",
      `${"a".repeat(65)}@example.com`,
      `a@${"b".repeat(250)}.com`,
      "/o=Example/ou=Exchange/cn=Recipients/cn=ada"
    ]
    for (const field of unusable) assert.isUndefined(normalizeEmail(field), field)
  })

  it("costs no more than its length, whatever it is", () => {
    assert.isUndefined(normalizeEmail("a@" + "b.".repeat(100_000)))
    assert.isUndefined(normalizeEmail("<".repeat(900)))
  })
})
