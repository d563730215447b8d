import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import { parseSync } from "oxc-parser"

/** The checkout's root, with a slash at its end. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

/** The text of a project file; `path` is relative to the root. */
export const text = (path: string): string => readFileSync(join(root, path), "utf8")

/** All files under a project folder, relative to the root, in a stable order; none where the folder does not exist. */
export const files = (folder: string, extension = ".ts"): ReadonlyArray<string> => {
  const walk = (path: string): Array<string> =>
    readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
      const inner = posix.join(path, entry.name)
      if (entry.isDirectory()) return entry.name === "node_modules" ? [] : walk(inner)
      return entry.name.endsWith(extension) ? [inner] : []
    })
  const parent = dirname(folder)
  const exists = readdirSync(join(root, parent)).includes(posix.basename(folder))
  return exists ? walk(folder).sort() : []
}

/** One import, re-export or dynamic import of a file. */
export interface Import {
  readonly from: string
  /** A project file, relative to the root, or a package's or built-in's specifier. */
  readonly to: string
  readonly line: number
  /** Erased before it runs. */
  readonly typeOnly: boolean
}

/** The line of a position, from 1. */
export const lineAt = (source: string, position: number): number => source.slice(0, position).split("\n").length

const resolve = (from: string, specifier: string): string =>
  specifier.startsWith(".") ? posix.normalize(posix.join(posix.dirname(from), specifier)) : specifier

/** Whether the parser takes the file. */
export const parses = (path: string): boolean => parseSync(path, text(path)).errors.length === 0

/** One file's imports, also those that are erased. `source` is read from the disk unless given. */
export const importsOf = (path: string, source = text(path)): ReadonlyArray<Import> => {
  const { module } = parseSync(path, source)
  const made = (specifier: string, position: number, typeOnly: boolean): Import => ({
    from: path,
    to: resolve(path, specifier),
    line: lineAt(source, position),
    typeOnly
  })
  const imports = module.staticImports.map((each) =>
    made(each.moduleRequest.value, each.start, each.entries.length > 0 && each.entries.every((entry) => entry.isType))
  )
  const exports = module.staticExports.flatMap((each) =>
    each.entries.flatMap((entry) =>
      entry.moduleRequest ? [made(entry.moduleRequest.value, each.start, entry.isType)] : []
    )
  )
  const dynamic = module.dynamicImports.flatMap((each) => {
    const literal = /^["'](.*)["']$/.exec(source.slice(each.moduleRequest.start, each.moduleRequest.end))
    return literal?.[1] ? [made(literal[1], each.start, false)] : []
  })
  return [...imports, ...exports, ...dynamic]
}

/** `from:line -> to`, for the list a failed rule shows. */
export const show = (each: Import): string => `${each.from}:${each.line} -> ${each.to}`
