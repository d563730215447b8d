import { configRoutes } from "../actors/config/routes.ts"
import { outstandingJobs, retryLimit } from "../actors/config/settings.ts"
import { SiteConfig } from "../actors/config/site-config.ts"
import { contactsImport } from "../actors/import/contacts-import.ts"
import { contactsView } from "../actors/import/contacts-view.ts"
import { importJobsActor } from "../actors/import/import-jobs.ts"
import { importProgressActor } from "../actors/import/import-progress.ts"
import { importsView } from "../actors/import/imports-view.ts"
import { importRejectsView } from "../actors/import/rejects-view.ts"
import { importRoutes } from "../actors/import/routes.ts"
import { checkout } from "../actors/orders/checkout.ts"
import { delivery } from "../actors/orders/delivery.ts"
import { inventory } from "../actors/orders/inventory.ts"
import { inventoryView } from "../actors/orders/inventory-view.ts"
import { invoicing } from "../actors/orders/invoicing.ts"
import { ordersView } from "../actors/orders/orders-view.ts"
import { orderRoutes } from "../actors/orders/routes.ts"
import { paymentsLayer } from "../actors/renewals/payments-http.ts"
import { renewals } from "../actors/renewals/renewals.ts"
import { renewalRoutes } from "../actors/renewals/routes.ts"
import { subscriptionsView } from "../actors/renewals/subscriptions-view.ts"
import { siteProjector } from "../actors/sites/installed-apps.ts"
import { installedAppsRoutes } from "../actors/sites/routes.ts"
import { Actor, Topology } from "../src/index.ts"
import { siteRoutes } from "./site/routes.ts"

/**
 * The whole system, upstream first:
 *
 *     site ─▶ site-projector (installed apps)
 *
 *     upload ─▶ contacts-import ─▶ import-jobs ─┬▶ contacts-view, import-rejects-view
 *                     ▲                 │       └▶ import-progress ─▶ status ─▶ browser
 *                     └─── part ended ──┘                     imports-view
 *
 *     order ─▶ checkout ─┬▶ inventory ───┐ ─▶ inventory-view
 *                 ▲      ├▶ delivery ────┤
 *                 │      └▶ invoicing ───┤
 *                 └────── decided ───────┘ ─▶ orders-view
 *
 *     subscription ─▶ renewals ─┬▶ subscriptions-view
 *                               └▶ status ─▶ browser
 *
 *     entry ─▶ site-config ─▶ the memory of every process: routes, contacts-import, renewals
 */
export default Topology.make(
  "sixfold",
  siteRoutes,
  installedAppsRoutes,
  configRoutes,
  importRoutes,
  orderRoutes,
  renewalRoutes,
  SiteConfig,
  siteProjector,
  Actor.provide(outstandingJobs)(contactsImport),
  importJobsActor,
  importProgressActor,
  contactsView,
  importsView,
  importRejectsView,
  checkout,
  inventory,
  delivery,
  invoicing,
  ordersView,
  inventoryView,
  Actor.provide(retryLimit)(Actor.provide(paymentsLayer)(renewals)),
  subscriptionsView
)
