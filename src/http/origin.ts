/** Who this server is, as far as a browser can tell. */
export interface Site {
  /** As given: a name or an IP address. */
  readonly host: string
  /** Other origins whose pages may call, and whose host names may be used: `https://app.example.com`. */
  readonly allowOrigins: ReadonlySet<string>
  /** Host names of `allowOrigins`. */
  readonly allowHosts: ReadonlySet<string>
}

/** What of a request says where it comes from. */
export interface Provenance {
  readonly method: string
  readonly isUpgrade: boolean
  readonly host: string | undefined
  readonly origin: string | undefined
  /** `Sec-Fetch-Site`: what the browser says of the page that called. */
  readonly fetchSite: string | undefined
  /** The address the connection came in at. */
  readonly localAddress: string | undefined
}

const parse = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined)

export const makeSite = (host: string, allowOrigins: ReadonlyArray<string>): Site => {
  const urls = allowOrigins.flatMap((origin) => parse(origin) ?? [])
  return {
    host,
    allowOrigins: new Set(urls.map(({ origin }) => origin)),
    allowHosts: new Set(urls.map(({ hostname }) => hostname))
  }
}

const bare = (host: string): string => host.toLowerCase().replace(/^\[(.*)\]$/, "$1")

/** Loopback addresses and the name for them. */
export const isLoopback = (host: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/.test(bare(host))

const isEveryAddress = (host: string): boolean => host === "0.0.0.0" || host === "::"

/** A port does not matter: a page of another port has another origin, and that is what is checked. */
const hostnameOf = (authority: string): string | undefined =>
  /[/?#@\\]/.test(authority) ? undefined : parse(`http://${authority}`)?.hostname

/**
 * A name that is not ours leads here only by DNS rebinding (or by a mistake): the browser would take the page behind it
 * for the same origin.
 */
const isOwnHost = (site: Site, host: string, localAddress: string | undefined): boolean => {
  const hostname = hostnameOf(host)
  if (hostname === undefined) return false
  if (isLoopback(hostname) || site.allowHosts.has(hostname)) return true
  const name = bare(hostname)
  // Bound to every address, it is bound to the one the connection came in at. A name is no address.
  const bound = isEveryAddress(site.host) ? localAddress?.replace(/^::ffff:/, "") : site.host
  return bound !== undefined && name === bare(bound)
}

/** Hosts and local addresses remembered at once. */
const remembered = 64

/** The same answers without parsing: most clients write the same Host every time. */
export const makeOwnHost = (site: Site) => {
  const known = new Map<string, boolean>()
  return (host: string, localAddress: string | undefined): boolean => {
    const id = `${host} ${localAddress}`
    const before = known.get(id)
    if (before !== undefined) return before
    if (known.size >= remembered) known.clear()
    const isOwn = isOwnHost(site, host, localAddress)
    known.set(id, isOwn)
    return isOwn
  }
}

const isWrite = (method: string): boolean => method !== "GET" && method !== "HEAD" && method !== "OPTIONS"

/** The same origin, or one that is allowed. A page behind a TLS proxy has another scheme than the server sees. */
const isOwnOrigin = (site: Site, origin: string, host: string): boolean => {
  const url = parse(origin)
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) return false
  return site.allowOrigins.has(url.origin) || url.host === parse(`${url.protocol}//${host}`)?.host
}

/** Why a request must not be served, judging by where it comes from; nothing when it may. */
export const foreign = (
  site: Site,
  from: Provenance,
  isOwn: ReturnType<typeof makeOwnHost>
): "ForeignHost" | "ForeignOrigin" | undefined => {
  if (from.host === undefined || !isOwn(from.host, from.localAddress)) return "ForeignHost"
  if (!isWrite(from.method) && !from.isUpgrade) return undefined
  if (from.origin !== undefined) return isOwnOrigin(site, from.origin, from.host) ? undefined : "ForeignOrigin"
  const isForeign = from.fetchSite === "cross-site" || from.fetchSite === "same-site"
  return isForeign ? "ForeignOrigin" : undefined
}
