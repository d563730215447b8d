/** The sites that are asked for, the same in every process: what the right answer is can be computed. */

export const siteCount = 100_000
const appCount = 10_000
const appsPerSite = 5

export const siteId = (n: number): string => `site-${String(n).padStart(6, "0")}`
export const appId = (n: number): string => `app-${String(n).padStart(5, "0")}`

/** Apps of the nth site: five different ones. Every app is on about fifty sites. */
export const appsOf = (n: number): ReadonlyArray<string> =>
  Array.from({ length: appsPerSite }, (_, i) => appId((n * 7 + i * 1_999 + Math.floor(n / appCount) * 13) % appCount))

export const siteOf = (n: number) => ({ owner: `owner-${n % 97}`, version: n + 1, installedApps: appsOf(n) })

/** What is asked, and the body that must come. */
export interface Question {
  readonly path: string
  readonly body: string
}

export type Route = "site" | "app"

/** `GET /sites/{id}/installed-apps`, each site once. */
const siteQuestions = (): ReadonlyArray<Question> =>
  Array.from({ length: siteCount }, (_, n) => ({
    path: `/sites/${siteId(n)}/installed-apps`,
    body: JSON.stringify({ siteId: siteId(n), version: n + 1, apps: appsOf(n) })
  }))

/** `GET /apps/{id}/sites`, the first page of each app: up to 100 sites. */
const appQuestions = (): ReadonlyArray<Question> => {
  const sites = new Map<string, Array<string>>()
  for (let n = 0; n < siteCount; n++) {
    for (const app of appsOf(n)) {
      const known = sites.get(app)
      if (known === undefined) sites.set(app, [siteId(n)])
      else known.push(siteId(n))
    }
  }
  return Array.from(sites, ([app, all]) => {
    const page = all.slice(0, 100)
    return {
      path: `/apps/${app}/sites`,
      body: JSON.stringify({ sites: page, next: page.length < 100 ? null : page.at(-1)! })
    }
  })
}

export const questions = (route: Route): ReadonlyArray<Question> =>
  route === "site" ? siteQuestions() : appQuestions()
