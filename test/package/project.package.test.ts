import { describe, expect, inject, it } from "vitest"
import { bundle } from "./bundle.ts"
import { block, deno, shell } from "./project.ts"

const folder = inject("folder")
const bundleOf = (from: string, name: string, platform: "browser" | "node") =>
  bundle(folder, `import { ${name} } from "${from}"\nglobalThis.it = ${name}`, platform)

describe("a project that installs the package", () => {
  it("compiles strictly against its declarations, libraries checked, and passes its tests on the fake Kafka", () => {
    expect(block("tsconfig.json")).not.toContain("skipLibCheck")
    expect(shell(block("check"), folder)).toMatch(/Tests +4 passed \(4\)/)
  })

  it("compiles with a bundler's resolution and on Deno as well", () => {
    expect(shell("npx tsc --noEmit --module esnext --moduleResolution bundler", folder)).toBe("")
    shell(`${deno} check --quiet main.ts follow.ts`, folder)
  })

  it("cannot make a program of a topology that lacks a service", () => {
    const wrong = `
      import { Topology } from "sixfold"
      import { parcels } from "./topology.ts"
      // @ts-expect-error Texts is missing
      Topology.main(parcels)
    `
    expect(shell(`cat > wrong.ts; npx tsc --noEmit; rm wrong.ts`, folder, wrong)).toBe("")
  })

  it("gets one Effect, not two", () => {
    expect(shell("find . -path '*/node_modules/effect/package.json'", folder)).toBe(
      "./node_modules/effect/package.json\n"
    )
  })

  it("bundles the client for a browser without anything else", async () => {
    const { code, imports, modules } = await bundleOf("sixfold/client", "connect", "browser")
    console.log(`sixfold/client: ${code.length} bytes minified`)
    expect(imports).toEqual([])
    expect(code.length).toBeLessThan(10_000)
    expect(modules.filter((path) => !path.startsWith("dist/src/client/"))).toEqual([])
  })

  it.each([
    ["sixfold", "Topic"],
    ["sixfold", "Actor"],
    ["sixfold/projection", "Projection"],
    ["sixfold/testing", "turn"]
  ])("gets no broker, no server and no SQLite with %s's %s", async (from, name) => {
    const { imports, modules } = await bundleOf(from, name, "node")
    expect(imports.filter((each) => !/^(effect|effect\/sql|effect\/schema\/\w+|node:buffer)$/.test(each))).toEqual([])
    expect(modules.length).toBeLessThan(20)
  })
})
