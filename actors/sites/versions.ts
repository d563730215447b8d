import { Option } from "effect"
import type { Change } from "../../src/projection/index.ts"
import { type SiteMetadata, siteMetadataCdc } from "./topics.ts"

/** A site at a version. A deleted one is remembered: what comes late must not bring it back. */
export interface Site {
  readonly version: number
  /** In the order published; undefined: deleted. */
  readonly apps: ReadonlyArray<string> | undefined
}

type Cdc = (typeof siteMetadataCdc)["~value"]
export type SiteChange = Change<string, SiteMetadata> | Change<string, Cdc>

/** What a record says of its site. */
type Said =
  | { readonly said: "is"; readonly version: number; readonly apps: ReadonlyArray<string> }
  /** Without a version: deleted at whichever it has. */
  | { readonly said: "deleted"; readonly version: number | undefined }
  | { readonly said: "nothing" }

const distinct = (apps: ReadonlyArray<string>) => [...new Set(apps)]

const ofCdc = (value: Cdc): Said => {
  const event = "payload" in value ? value.payload : value
  return event.op === "d"
    ? { said: "deleted", version: event.before?.version ?? undefined }
    : { said: "is", version: event.after.version, apps: distinct(event.after.installed_apps) }
}

const isCdc = (change: SiteChange): change is Change<string, Cdc> => change.topic === siteMetadataCdc.name

/** A connector writes a null after each delete, only for compaction: it may come again when the row is back. */
const saidBy = (change: SiteChange): Said => {
  if (isCdc(change)) return Option.match(change.value, { onNone: () => ({ said: "nothing" }), onSome: ofCdc })
  return Option.match(change.value, {
    onNone: (): Said => ({ said: "deleted", version: undefined }),
    onSome: ({ installedApps, version }) => ({ said: "is", version, apps: distinct(installedApps) })
  })
}

/** The site after a record; the same where the record says nothing new: a lower version, or the same again. */
export const advance = (site: Site | undefined, said: Said): Site | undefined => {
  if (said.said === "nothing") return site
  if (said.said === "is") {
    return site === undefined || said.version > site.version ? { version: said.version, apps: said.apps } : site
  }
  const version = said.version ?? site?.version
  if (version === undefined) return undefined
  // The delete of a version is later than the version itself.
  const isNews = site === undefined || version > site.version || (version === site.version && site.apps !== undefined)
  return isNews ? { version, apps: undefined } : site
}

/** The sites that these records change, as they are then. */
export const changed = (
  before: ReadonlyMap<string, Site>,
  changes: ReadonlyArray<SiteChange>
): ReadonlyMap<string, Site> => {
  const after = new Map<string, Site>()
  for (const change of changes) {
    const known = after.get(change.key) ?? before.get(change.key)
    const site = advance(known, saidBy(change))
    if (site !== undefined && site !== known) after.set(change.key, site)
  }
  return after
}
