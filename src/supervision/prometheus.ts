import type { Family, Sample } from "./families.ts"

const escaped = (value: string | number): string =>
  String(value).replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')

const line = (name: string, { labels, value }: Sample): string => {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`)
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`
}

/** Metrics as Prometheus text, version 0.0.4. */
export const prometheus = (families: ReadonlyArray<Family>): string =>
  families
    .map(({ help, name, samples, type }) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((each) => line(name, each)), ""].join("\n")
    )
    .join("")
