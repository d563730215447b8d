// `npm run build`: what `npm pack` ships beside the sources, in dist/. Node strips types everywhere but inside `node_modules`, so
// whoever installs the package needs JavaScript; the repository itself never reads dist/.
import { spawnSync } from "node:child_process"
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const dist = join(root, "dist")

const compile = () => {
  const compiler = fileURLToPath(import.meta.resolve("typescript/package.json")).replace("package.json", "bin/tsc")
  const { status } = spawnSync(process.execPath, [compiler, "--project", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit"
  })
  if (status !== 0) process.exit(status ?? 1)
}

const emitted = (ending: string) =>
  readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(ending))

/** The compiler rewrites specifiers in JavaScript only, and not every reader of declarations finds `x.d.ts` behind `x.ts`. */
const rewriteDeclarations = () => {
  for (const path of emitted(".d.ts")) {
    const text = readFileSync(join(dist, path), "utf8")
    writeFileSync(join(dist, path), text.replaceAll(/(from |import\(|import )"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"'))
  }
}

/** The page's files, which are served as they are. */
const copyPage = () =>
  cpSync(join(root, "topology/site"), join(dist, "topology/site"), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts")
  })

/**
 * The compiler copied the whole manifest, since the version is read from it: a second package would be in the package. esbuild and webpack
 * ask the nearest manifest for side effects: it has to say what the package's says.
 */
const trimManifest = () => {
  const { sideEffects, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    sideEffects: ReadonlyArray<string>
    version: string
  }
  const own = sideEffects.filter((path) => path.startsWith("./dist/")).map((path) => path.replace("./dist/", "./"))
  writeFileSync(join(dist, "package.json"), `${JSON.stringify({ type: "module", version, sideEffects: own })}\n`)
}

rmSync(dist, { recursive: true, force: true })
compile()
rewriteDeclarations()
copyPage()
trimManifest()
