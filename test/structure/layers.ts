import type { Import } from "./source.ts"

/**
 * Who may import whom inside `src`, from the ground up. A folder always may import itself; what is not listed is
 * forbidden. The longest matching folder of a file decides.
 */
export const layers: Readonly<Record<string, ReadonlyArray<string>>> = {
  "src/kafka": [],
  "src/kafka/cluster": ["src/kafka"],
  "src/kafka/embedded": ["src/kafka"],
  "src/client": [],
  "src/actor": ["src/kafka"],
  "src/store": ["src/kafka", "src/actor"],
  "src/runtime": ["src/kafka", "src/actor", "src/store"],
  "src/projection": ["src/kafka", "src/actor", "src/runtime"],
  "src/http": ["src/kafka"],
  "src/status": ["src/kafka", "src/actor", "src/http", "src/client"],
  "src/supervision": ["src/kafka", "src/actor", "src/store", "src/runtime", "src/projection", "src/http", "src/status"],
  "src/testing": [
    "src/kafka",
    "src/kafka/embedded",
    "src/actor",
    "src/store",
    "src/runtime",
    "src/projection",
    "src/supervision"
  ],
  "src/cli": [
    "src/kafka",
    "src/kafka/cluster",
    "src/kafka/embedded",
    "src/client",
    "src/actor",
    "src/store",
    "src/runtime",
    "src/projection",
    "src/http",
    "src/status",
    "src/supervision"
  ],
  // The public surface: it gathers, and nothing inside imports it.
  src: ["src/kafka", "src/actor", "src/store", "src/runtime", "src/http", "src/status", "src/supervision", "src/cli"]
}

/** The four entry points: all that `actors/` and `topology/` may know of `src`, as a user would. */
export const entryPoints: ReadonlyArray<string> = [
  "src/index.ts",
  "src/projection/index.ts",
  "src/testing/index.ts",
  "src/client/index.ts"
]

/** Packages and built-ins that only these folders may import. */
export const guarded: ReadonlyArray<{ readonly module: RegExp; readonly only: ReadonlyArray<string> }> = [
  { module: /^@platformatic\/kafka/, only: ["src/kafka/cluster"] },
  { module: /^node:sqlite$/, only: ["src/kafka/embedded", "src/projection"] },
  { module: /^@effect\/sql-pg/, only: ["src/projection"] },
  { module: /^ws$/, only: ["src/status"] },
  { module: /^csv-parse/, only: ["actors"] },
  { module: /^effect\/cli/, only: ["src/cli"] },
  { module: /^effect\/testing/, only: ["src/testing"] },
  { module: /^(vitest|@effect\/vitest)/, only: [] },
  { module: /^@effect\/platform-node/, only: ["src/http", "src/status", "src/cli", "topology"] }
]

/** The folder whose row of `layers` speaks for a file of `src`. */
export const layerOf = (path: string): string | undefined => {
  const folders = Object.keys(layers).filter((folder) => path.startsWith(`${folder}/`))
  const deepest = folders.sort((a, b) => b.length - a.length)[0]
  // A new folder directly under src has no row of its own: that is a mistake, not the public surface.
  return deepest === "src" && path.split("/").length > 2 ? undefined : deepest
}

/** What is wrong with an import, or nothing. */
export const violation = (each: Import): string | undefined => {
  const guard = guarded.find(({ module }) => module.test(each.to))
  if (guard && !guard.only.some((folder) => each.from.startsWith(`${folder}/`))) {
    return `only ${guard.only.join(", ") || "tests"} may import it`
  }
  if (!each.to.startsWith("src/")) return undefined
  const inside = each.from.startsWith("src/")
  if (!inside) return entryPoints.includes(each.to) ? undefined : "not an entry point"
  const from = layerOf(each.from)
  const to = layerOf(each.to)
  if (!from || !to) return "a folder without a row in layers.ts"
  if (from === to || layers[from]?.includes(to)) return undefined
  // Only the public index gathers other entry points.
  return `${from} may not import ${to}`
}
