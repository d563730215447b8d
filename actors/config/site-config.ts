import { Schema } from "effect"
import { KvStore } from "../../src/index.ts"

/** Lists and objects inside each other. Deeper ones could be read here, and end the stack of whoever writes them on. */
export const deepest = 64

const isShallow = (value: Schema.Json): boolean => {
  const waiting: Array<readonly [value: Schema.Json, depth: number]> = [[value, 0]]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [value, depth] = next
    if (typeof value !== "object" || value === null) continue
    if (depth === deepest) return false
    for (const inner of Object.values(value)) waiting.push([inner, depth + 1])
  }
  return true
}

/** Any JSON, within reason. */
export const ConfigValue = Schema.Json.check(
  Schema.makeFilter((value: Schema.Json) =>
    isShallow(value) ? undefined : `a value nested at most ${deepest} levels deep was expected`
  )
)

/** Configuration that all processes share: any JSON under a key, in the memory of whoever reads it. */
export class SiteConfig extends KvStore.Service<SiteConfig>()("site-config", { value: ConfigValue }) {}
