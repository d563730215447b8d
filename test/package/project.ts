import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  interface ProvidedContext {
    /** The guide's folder, with the packed package installed. */
    readonly folder: string
  }
}

/** The checkout. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

/** The one that this checkout brings. */
export const deno = join(root, "node_modules/.bin/deno")

const page = readFileSync(join(root, "docs/guide.md"), "utf8")

/** The block of the guide that is named so. */
export const block = (name: string): string => {
  const found = new RegExp(`\`\`\`\\w+ ${name}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1]
  if (found === undefined) throw new Error(`docs/guide.md has no block named ${name}`)
  return found
}

/** Nothing we need runs at install; what npm has already is not asked for again. */
const npm = { prefer_offline: "true", audit: "false", fund: "false", ignore_scripts: "true", update_notifier: "false" }

/** A stranger's shell: it knows nothing of the npm script that runs this, and has a new Node. */
const environment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_(package|lifecycle)|VITEST|NODE_ENV)/.test(name))
  ),
  ...Object.fromEntries(Object.entries(npm).map(([name, value]) => [`npm_config_${name}`, value])),
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  NO_COLOR: "1"
})

/** Runs a script of the guide in a folder; throws with all it printed where it fails. */
export const shell = (script: string, cwd: string, input = ""): string => {
  try {
    return execFileSync("sh", ["-euc", script], { cwd, input, env: environment(), encoding: "utf8", stdio: "pipe" })
  } catch (error) {
    const { stderr, stdout } = error as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${script}\n${stdout ?? ""}${stderr ?? ""}`, { cause: error })
  }
}

/** Once for the run: packs this checkout, and follows the guide in an empty folder with the tarball. */
export const setup = ({ provide }: TestProject): (() => void) => {
  const above = mkdtempSync(join(tmpdir(), "sixfold-package-"))
  shell(`npm pack --silent --ignore-scripts=false --pack-destination ${JSON.stringify(above)}`, root)
  const tarball = readdirSync(above).find((name) => name.endsWith(".tgz"))
  if (tarball === undefined) throw new Error("npm pack made no tarball")
  shell(block("setup").replace("npm install sixfold ", `npm install ../${tarball} `), above)
  const folder = join(above, "parcels")
  writeFileSync(join(folder, "tsconfig.json"), block("tsconfig.json"))
  cpSync(join(root, "test/package/project"), folder, { recursive: true })
  provide("folder", folder)
  return () => rmSync(above, { recursive: true, force: true })
}
