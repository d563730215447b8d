import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { files, root, text } from "./source.ts"

const guide = text("docs/guide.md")
const shown = [...guide.matchAll(/```ts (\S+)\n([\s\S]*?)```/g)].map((match) => [match[1]!, match[2]!] as const)
const folder = "test/package/project/"

describe("docs/guide.md", () => {
  it("shows every file of the project that the tests run, word for word (cure: npm run docs)", () => {
    expect(new Map(shown)).toEqual(
      new Map(files(folder.slice(0, -1)).map((path) => [path.slice(folder.length), text(path)]))
    )
  })

  it("has no TypeScript that nobody runs", () => {
    expect([...guide.matchAll(/```ts\b/g)].length).toBe(shown.length)
  })

  it("installs the versions that are tested here", () => {
    const { devDependencies, peerDependencies } = JSON.parse(text("package.json")) as {
      readonly devDependencies: Readonly<Record<string, string>>
      readonly peerDependencies: Readonly<Record<string, string>>
    }
    const pinned = [...guide.matchAll(/((?:@[\w-]+\/)?[\w-]+)@(\d[\w.-]*)/g)]
    expect(pinned.length).toBe(5)
    const all = { ...devDependencies, ...peerDependencies }
    expect(pinned.filter(([, name, version]) => all[name!] !== version).map(([found]) => found)).toEqual([])
  })
})

/** Files and folders of tests that a page names, with the test it quotes, if any. */
const named = (page: string) =>
  [...text(page).matchAll(/`(test\/[\w/.-]+)`(?:: "([^"]+)")?/g)].map(([, path, test]) => ({ path: path!, test }))

describe.each(["docs/guarantees.md", "docs/websocket.md"])("%s", (page) => {
  it("names tests that exist", () => {
    expect(named(page).length).toBeGreaterThan(1)
    expect(named(page).filter(({ path }) => !existsSync(root + path))).toEqual([])
    expect(named(page).filter(({ path, test }) => test !== undefined && !text(path).includes(`"${test}"`))).toEqual([])
  })
})

describe("docs/websocket.md", () => {
  const page = text("docs/websocket.md")

  it("tells every error that the gateway answers", () => {
    const gateway = files("src/status").map(text).join("\n")
    const reasons = /reason: Schema\.Literals\(\[([^\]]+)\]/.exec(text("src/status/channels.ts"))![1]!
    const tags = [...gateway.matchAll(/(?:\.error\(|problem\(\d+, )"(\w+)"/g), ...reasons.matchAll(/"(\w+)"/g)]
    const named = new Set(tags.map((match) => match[1]!))
    expect(named.size).toBeGreaterThan(9)
    expect([...named].filter((tag) => !page.includes(`\`${tag}\``))).toEqual([])
  })

  it("shows frames of every type, each of them JSON", () => {
    const types = [...text("src/client/protocol.ts").matchAll(/readonly type: "(\w+)"/g)].map((match) => match[1])
    const shown = [...page.matchAll(/```json\n(.*)\n```/g)].map((match) => JSON.parse(match[1]!) as { type: string })
    expect(new Set(shown.map(({ type }) => type))).toEqual(new Set(types))
  })
})
