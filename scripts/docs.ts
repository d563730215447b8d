// `npm run docs`: writes what is told from the sources: the blocks of docs/guide.md, and docs/api from the docstrings. The structure
// tests hold both to what this would write.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { apiPages, readApi } from "./api.ts"

const docs = new URL("../docs/", import.meta.url)
const example = (name: string) => readFileSync(new URL(`../test/package/project/${name}`, import.meta.url), "utf8")

const guide = readFileSync(new URL("guide.md", docs), "utf8")
const filled = guide.replaceAll(
  /```ts (\S+)\n[\s\S]*?```/g,
  (_, name: string) => `\`\`\`ts ${name}\n${example(name)}\`\`\``
)
writeFileSync(new URL("guide.md", docs), filled)

mkdirSync(new URL("api/", docs), { recursive: true })
for (const [name, page] of apiPages(readApi())) writeFileSync(new URL(`api/${name}`, docs), page)
