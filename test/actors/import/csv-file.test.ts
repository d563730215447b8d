import { assert, describe, it } from "@effect/vitest"
import { readdirSync } from "node:fs"
import { fixture, readFile, refusal, summary } from "./read-file.ts"

const utf8 = new TextEncoder()
const files = readdirSync(new URL("../../fixtures/contacts/", import.meta.url)).filter((name) => name.endsWith(".csv"))

describe("a contacts file", () => {
  const imported: Record<string, ReturnType<typeof summary>> = {
    "google.csv": {
      contacts: {
        "ada.lovelace@example.com": "Ada Lovelace | Analytical Engines, Ltd. | +44 20 7946 0001",
        "soren@example.com": "Søren Ångström",
        "grace@example.com": "Grace Hopper",
        "hanako@例え.example.com": "小林 花子"
      },
      rejects: { 5: "no e-mail" }
    },
    "google-2019.csv": {
      contacts: {
        "alan@example.com": "Alan Turing | Bletchley",
        "edsger@example.com": "Edsger Dijkstra | +31 20 555 0100"
      },
      rejects: {}
    },
    "outlook.csv": {
      contacts: {
        "barbara@example.com": 'Barbara Liskov | Substitution "Principle" Inc. | (555) 010-0003',
        "exchange.user@example.com": "Exchange User"
      },
      rejects: { 4: "not an e-mail address" }
    },
    "outlook-german.csv": {
      contacts: {
        "kaethe@example.com": "Käthe Müßig | Größe & Söhne | +49 30 5550100",
        "juergen@example.com": "Jürgen Özil | +49 171 5550101"
      },
      rejects: {}
    },
    "outlook-french.csv": {
      contacts: { "emilie@example.com": "Émilie du Châtelet | Académie | +33 1 99 00 01 05" },
      rejects: {}
    },
    "outlook-web.csv": {
      contacts: { "margaret@example.com": "Margaret Hamilton | Apollo | +1 555 0104" },
      rejects: {}
    },
    "excel-semicolons.csv": {
      contacts: { "konrad@example.com": "Konrad Zuse | Zuse; KG", "emmy@example.com": "Emmy Noether" },
      rejects: {}
    },
    "excel-unicode-text.csv": {
      contacts: { "konrad@example.com": "Konrad Zuse | Zuse; KG", "emmy@example.com": "Emmy Noether" },
      rejects: {}
    },
    "mac-classic.csv": {
      contacts: { "steve@example.com": "Steve", "susan@example.com": "Susan" },
      rejects: {}
    },
    "plain.csv": {
      contacts: { "first@example.com": "", "second@example.com": "", "last@example.com": "" },
      rejects: { 4: "not an e-mail address", 6: "no e-mail" }
    },
    "damaged-row.csv": {
      contacts: {
        "jose@example.com": "José",
        "zoe@example.com": "Zoë",
        "andre@example.com": "Andr\ufffd",
        "noel@example.com": "Noël"
      },
      rejects: { 5: "not an e-mail address" }
    },
    "header-only.csv": { contacts: {}, rejects: {} }
  }
  for (const [name, expected] of Object.entries(imported)) {
    it(`is imported as it was meant: ${name}`, () => {
      assert.deepStrictEqual(summary(fixture(name)), expected)
    })
  }

  const refused: Record<string, RegExp> = { "no-email-column.csv": /no column/, "no-header.csv": /header row/ }
  for (const [name, reason] of Object.entries(refused)) {
    it(`is refused with the reason: ${name}`, () => {
      assert.match(refusal(fixture(name)), reason)
    })
  }

  it("has a fixture for each expectation, and an expectation for each fixture", () => {
    assert.deepStrictEqual(files.toSorted(), [...Object.keys(imported), ...Object.keys(refused)].toSorted())
  })

  it("reads the same however its bytes were chunked", () => {
    const answer = (name: string, chunk?: number) => {
      const { outcomes, refused } = readFile(fixture(name), chunk)
      return refused ?? outcomes
    }
    for (const name of files) {
      for (const chunk of [1, 2, 3, 7, 64]) {
        assert.deepStrictEqual(answer(name, chunk), answer(name), `${name} by ${chunk}`)
      }
    }
  })
})

describe("what is no CSV", () => {
  const refused = (bytes: Uint8Array, reason: RegExp) => assert.match(refusal(bytes), reason)

  it("is refused when it is empty", () => {
    refused(new Uint8Array(0), /empty/)
    refused(new Uint8Array([0xef, 0xbb, 0xbf]), /empty/)
    refused(new Uint8Array([0xff, 0xfe]), /empty/)
  })

  it("is refused when it is binary", () => {
    refused(new Uint8Array([0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8, 0, 10, ...utf8.encode("xl/workbook.xml")]), /binary/)
    refused(new Uint8Array(200_000).fill(0x61), /does not end/)
  })

  it("is refused when it is some other text", () => {
    refused(utf8.encode('{"email":"ada@example.com"}\n'), /no column/)
    refused(utf8.encode("<!doctype html>\n<p>E-mail</p>\n"), /no column/)
  })

  it("is refused when the header's quote never closes", () => {
    refused(utf8.encode('"email\n' + "a@x.example\n".repeat(10_000)), /does not end|no column/)
  })
})

describe("the encoding", () => {
  it("is decided by the whole file: Windows-1252 when its last row shows it", () => {
    const rows = utf8.encode("name,email\n" + "Ann,ann@example.com\n".repeat(9_000))
    const last = new Uint8Array([0x5a, 0x6f, 0xeb, 0x2c, ...utf8.encode("zoe@example.com\n")]) // Zoë in Windows-1252
    assert.strictEqual(readFile(new Uint8Array([...rows, ...last]), 65_536).dialect?.encoding, "windows-1252")
    assert.deepInclude((summary(new Uint8Array([...rows, ...last])) as { contacts: object }).contacts, {
      "zoe@example.com": "Zoë"
    })
  })

  it("stays UTF-8 when a byte order mark says so, whatever one row holds", () => {
    const bytes = new Uint8Array([
      0xef,
      0xbb,
      0xbf,
      ...utf8.encode("name,email\nZo"),
      0xeb,
      ...utf8.encode(",zoe@example.com\n")
    ])
    assert.strictEqual(readFile(bytes).dialect?.encoding, "utf-8")
  })

  it("reads the characters that Windows has and Latin-1 has not", () => {
    const bytes = new Uint8Array([
      ...utf8.encode("name,email\n"),
      0x80,
      0x20,
      0x9c,
      ...utf8.encode(",euro@example.com\n")
    ])
    assert.deepStrictEqual(summary(bytes), { contacts: { "euro@example.com": "€ œ" }, rejects: {} })
  })

  it("has no contact with a NUL in it: no database of ours would hold it", () => {
    const file = utf8.encode("name,email\nAda,ada@example.com\nGr\0ace,grace@example.com\n\0,not an address\n")
    const { contacts, rejects } = summary(file)
    assert.deepStrictEqual(Object.keys(contacts), ["ada@example.com"])
    assert.deepStrictEqual(rejects, { 3: "a field has a NUL in it", 4: "a field has a NUL in it" })
  })
})
