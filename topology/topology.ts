import { contactsImport } from "../actors/import/contacts-import.ts"
import { contactsView } from "../actors/import/contacts-view.ts"
import { importJobsActor } from "../actors/import/import-jobs.ts"
import { importProgressActor } from "../actors/import/import-progress.ts"
import { importsView } from "../actors/import/imports-view.ts"
import { importRejectsView } from "../actors/import/rejects-view.ts"
import { importRoutes } from "../actors/import/routes.ts"
import { Topology } from "../src/index.ts"
import { siteRoutes } from "./site/routes.ts"

/**
 * The whole system, upstream first:
 *
 *     upload ─▶ contacts-import ─▶ import-jobs ─┬▶ contacts-view, import-rejects-view
 *                     ▲                 │       └▶ import-progress ─▶ status ─▶ browser
 *                     └─── part ended ──┘                     imports-view
 */
export default Topology.make(
  "sixfold",
  siteRoutes,
  importRoutes,
  contactsImport,
  importJobsActor,
  importProgressActor,
  contactsView,
  importsView,
  importRejectsView
)
