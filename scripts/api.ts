import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { parseSync } from "oxc-parser"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The entry points, and what their pages are called. */
const entries = [
  { name: "sixfold", page: "sixfold", path: "src/index.ts" },
  { name: "sixfold/projection", page: "projection", path: "src/projection/index.ts" },
  { name: "sixfold/testing", page: "testing", path: "src/testing/index.ts" },
  { name: "sixfold/client", page: "client", path: "src/client/index.ts" }
] as const

/** One declaration of a name: an interface and a constant may share it. */
interface Declaration {
  /** As plain text; none: the empty string. */
  readonly doc: string
  readonly code: string
}

/** What an entry point exports. */
export interface Exported {
  readonly name: string
  readonly path: string
  readonly declarations: ReadonlyArray<Declaration>
}

/** A file of declarations: what it declares and what it hands on. */
interface Declared {
  /** By name; those that are not exported are told where one that is needs them. */
  readonly own: ReadonlyMap<string, ReadonlyArray<Declaration>>
  readonly handedOn: ReadonlyArray<Reference>
  readonly imports: ReadonlyArray<Reference>
}

/** A name of another file, under its name here. */
interface Reference {
  readonly name: string
  readonly as: string
  /** Relative to this file. */
  readonly from: string
}

const run = (script: string, ...args: ReadonlyArray<string>) => {
  const [, name = "", path = ""] = /^(\w+)\/(.*)$/.exec(script)!
  const tool = fileURLToPath(import.meta.resolve(`${name}/package.json`)).replace("package.json", path)
  return spawnSync(process.execPath, [tool, ...args], { cwd: root, encoding: "utf8" })
}

/** The compiler's own declarations of `src`, in the form of the sources. */
const declarations = (into: string) => {
  const project = ["--project", "tsconfig.build.json", "--emitDeclarationOnly", "--declarationMap", "false"]
  run("typescript/bin/tsc", ...project, "--outDir", into)
  copyFileSync(join(root, ".oxfmtrc.json"), join(into, ".oxfmtrc.json"))
  run("oxfmt/bin/oxfmt", "--config", join(into, ".oxfmtrc.json"), join(into, "src"))
}

const plain = (comment: string) =>
  comment
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trimEnd())
    .join("\n")
    .trim()

const namesOf = (statement: { readonly type: string } & Record<string, unknown>): ReadonlyArray<string> => {
  const { declarations, id } = statement as { id?: { name: string }; declarations?: Array<{ id: { name: string } }> }
  return declarations?.map((each) => each.id.name) ?? (id === undefined ? [] : [id.name])
}

const read = (path: string): Declared => {
  const source = readFileSync(path, "utf8")
  const { comments, program } = parseSync(path, source)
  const own = new Map<string, Array<Declaration>>()
  const handedOn: Array<Reference> = []
  const imports: Array<Reference> = []
  let end = 0
  for (const statement of program.body) {
    const before = comments.findLast(
      (each) => each.start >= end && each.end <= statement.start && each.value[0] === "*"
    )
    const doc = before === undefined ? "" : plain(before.value)
    end = statement.end
    const code = source.slice(statement.start, statement.end).replace(/^export (declare )?|^declare /, "")
    if (statement.type === "ExportNamedDeclaration" && statement.declaration === null) {
      const from = statement.source?.value
      for (const { exported, local } of statement.specifiers) {
        const names = { name: (local as { name: string }).name, as: (exported as { name: string }).name }
        if (from !== undefined) handedOn.push({ ...names, from })
      }
    } else if (statement.type === "ImportDeclaration") {
      const from = statement.source.value
      for (const each of statement.specifiers) {
        if (each.type !== "ImportSpecifier" || !from.startsWith(".")) continue
        imports.push({ name: (each.imported as { name: string }).name, as: each.local.name, from })
      }
    } else if (statement.type === "ExportAllDeclaration" && statement.exported !== null) {
      handedOn.push({ name: "*", as: (statement.exported as { name: string }).name, from: statement.source.value })
    } else {
      const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement
      for (const name of namesOf(declaration as never)) own.set(name, [...(own.get(name) ?? []), { doc, code }])
    }
  }
  return { own, handedOn, imports }
}

/** Behind a declaration, those it names and nobody can import: of its own file, or from elsewhere by a name of its own. */
const withPrivate = (
  name: string,
  path: string,
  fileOf: (path: string) => Declared,
  exported: ReadonlySet<string>
): ReadonlyArray<Declaration> => {
  const seen = new Set([name])
  const told = (fileOf(path).own.get(name) ?? []).map((declaration) => ({ declaration, path }))
  for (const { declaration, path } of told) {
    const file = fileOf(path)
    for (const [word] of declaration.code.matchAll(/\b[A-Z]\w+|(?<=typeof )\w+/g)) {
      if (seen.has(word) || exported.has(word)) continue
      seen.add(word)
      const imported = file.imports.find((each) => each.as === word && (each.name !== word || /^[a-z]/.test(word)))
      const at = imported === undefined ? path : posix.join(posix.dirname(path), imported.from)
      for (const each of fileOf(at).own.get(imported?.name ?? word) ?? []) {
        told.push({ declaration: { doc: "", code: commented(each) }, path: at })
      }
    }
  }
  return told.map(({ declaration }) => declaration)
}

const commented = ({ code, doc }: Declaration) =>
  doc === ""
    ? code
    : `/**\n${doc
        .split("\n")
        .map((line) => ` * ${line}`.trimEnd())
        .join("\n")}\n */\n${code}`

/** Everything that the entry points export, from the compiler's declarations. */
export const readApi = () => {
  const folder = mkdtempSync(join(tmpdir(), "sixfold-api-"))
  try {
    declarations(folder)
    const files = new Map<string, Declared>()
    const fileOf = (path: string) => {
      const known = files.get(path) ?? read(join(folder, path.replace(/\.ts$/, ".d.ts")))
      files.set(path, known)
      return known
    }
    /** Names that are public in a file, as far as its own page tells them. */
    const publicNames = new Set<string>()
    const find = (path: string, name: string, as: string): ReadonlyArray<Exported> => {
      const file = fileOf(path)
      const next = file.handedOn.find((each) => each.as === name)
      const at = (from: string) => posix.join(posix.dirname(path), from)
      if (next?.name === "*") {
        const names = [...fileOf(at(next.from)).own.keys()].filter((each) => !each.endsWith("_base"))
        return names.map((each) => ({
          name: `${as}.${each}`,
          path: at(next.from),
          declarations: withPrivate(each, at(next.from), fileOf, publicNames)
        }))
      }
      const own = file.own.has(name)
        ? [{ name: as, path, declarations: withPrivate(name, path, fileOf, publicNames) }]
        : []
      return next === undefined ? own : [...own, ...find(at(next.from), next.name, as)]
    }
    return entries.map((entry) => {
      const source = readFileSync(join(root, entry.path), "utf8")
      const { comments, module, program } = parseSync(entry.path, source)
      const names = module.staticExports.flatMap((each) => each.entries.map(({ exportName }) => exportName.name ?? ""))
      for (const name of names) publicNames.add(name)
      const exported = [...new Set(names)].flatMap((name) => find(entry.path, name, name))
      const [first] = comments
      const doc = first !== undefined && first.end <= program.body[0]!.start ? plain(first.value) : ""
      return { ...entry, doc, exported }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const anchor = (name: string) => name.toLowerCase().replaceAll(".", "")
const firstSentence = (doc: string) =>
  /^[\s\S]*?\.(?=\s|$)|^[^]*/.exec(doc)![0].replaceAll("\n", " ").replace(/^- /, "").trim()

const section = ({ declarations, name, path }: Exported): string => {
  const docs = declarations.map(({ doc }) => doc).filter((doc) => doc !== "")
  const prose = docs.map((doc) => doc.replace(/@example\n([\s\S]*)$/, "```ts\n$1\n```").replace(/^@(\w+)/gm, "*$1*"))
  const code = declarations.map((each) => each.code).join("\n\n")
  return [`## ${name}`, ...prose, `\`\`\`ts\n${code}\n\`\`\``, `[${path}](../../${path})`].join("\n\n")
}

const readme = [
  "# API",
  "",
  "What the package exports, with the compiler's own declarations. Made from the docstrings of the sources by `npm run docs`.",
  "",
  "| import | |",
  "| --- | --- |"
]

/** The pages of docs/api, by name. */
export const apiPages = (api: ReturnType<typeof readApi>): ReadonlyMap<string, string> => {
  const list = api.map(({ doc, name, page }) => `| [\`${name}\`](${page}.md) | ${doc.replaceAll("\n", " ")} |`)
  const pages = new Map([["README.md", [...readme, ...list, ""].join("\n")]])
  for (const { doc, exported, name, page } of api) {
    const index = exported.map((each) => {
      const doc = each.declarations.find((declaration) => declaration.doc !== "")?.doc ?? ""
      return `| [${each.name}](#${anchor(each.name)}) | ${firstSentence(doc).replaceAll("|", "\\|")} |`
    })
    const head = [`# ${name}`, doc, ["| | |", "| --- | --- |", ...index].join("\n")]
    pages.set(`${page}.md`, `${[...head, ...exported.map(section)].join("\n\n")}\n`)
  }
  return pages
}
