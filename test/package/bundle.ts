import { join } from "node:path"
import { rolldown } from "rolldown"

/** What a bundler makes of one line of a user's. */
export interface Bundled {
  readonly code: string
  /** What it still imports. */
  readonly imports: ReadonlyArray<string>
  /** Files of ours that are in it, from the package's root. */
  readonly modules: ReadonlyArray<string>
}

/** Bundles one module in a project, with the bundler that comes with vitest; other packages stay outside on Node, and come in for a browser. */
export const bundle = async (folder: string, code: string, platform: "browser" | "node"): Promise<Bundled> => {
  const entry = join(folder, "entry.js")
  const build = await rolldown({
    input: entry,
    platform,
    external: platform === "node" ? (id) => !/^(sixfold|[./])/.test(id) : (id) => id.startsWith("node:"),
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? code : null)
      }
    ]
  })
  const { output } = await build.generate({ format: "esm", minify: true })
  await build.close()
  const [chunk] = output
  const inside = Object.keys(chunk.modules).filter((path) => path.includes("/sixfold/"))
  return {
    code: chunk.code,
    imports: [...chunk.imports, ...chunk.dynamicImports],
    modules: inside.map((path) => path.slice(path.lastIndexOf("/sixfold/") + "/sixfold/".length))
  }
}
