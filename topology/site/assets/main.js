// The page: its frame, the way from an address to a view, and the token.

import { h, setAttribute, setText } from "./dom.js"
import { makeLife } from "./life.js"
import { connection, startLive, stopLive } from "./live.js"
import { hide, notices } from "./notice.js"
import { access, reachable } from "./session.js"
import { signIn } from "./sign-in.js"
import { startSystem, stopSystem, system } from "./system.js"
import { troubles } from "./troubles.js"
import * as actor from "./views/actor.js"
import * as config from "./views/config.js"
import * as imports from "./views/import.js"
import * as keys from "./views/keys.js"
import * as letters from "./views/letters.js"
import * as orders from "./views/orders.js"
import * as overview from "./views/overview.js"
import * as subscriptions from "./views/subscriptions.js"

/** By the first part of the address; those with a label are in the navigation. */
const views = new Map([
  ["", { view: overview, label: "Overview" }],
  ["import", { view: imports, label: "Import" }],
  ["config", { view: config, label: "Configuration" }],
  ["subscriptions", { view: subscriptions, label: "Subscriptions" }],
  ["orders", { view: orders, label: "Orders" }],
  ["dead-letters", { view: letters, label: "Dead letters" }],
  ["keys", { view: keys, label: "Keys" }],
  ["actors", { view: actor }]
])

const links = new Map()
const counts = new Map()
for (const [path, { label }] of views) {
  if (label === undefined) continue
  const count = h("span", { class: "count", hidden: true })
  counts.set(path, count)
  links.set(path, h("a", { href: `#/${path}` }, label, " ", count))
}

const menu = h(
  "button",
  { type: "button", class: "menu quiet", "aria-expanded": "false", "aria-controls": "nav" },
  "Menu"
)
const nav = h(
  "nav",
  { id: "nav", "aria-label": "Views" },
  h(
    "ul",
    {},
    [...links.values()].map((link) => h("li", {}, link))
  )
)
const state = h("p", { class: "connection", role: "status" })
const main = h("main", { id: "main", tabindex: "-1" })
document.body.append(
  h(
    "header",
    { class: "top" },
    h(
      "a",
      { class: "brand", href: "#/" },
      h("img", { src: "/assets/icon.svg", alt: "", width: 24, height: 24 }),
      "Sixfold"
    ),
    state,
    menu
  ),
  nav,
  main,
  notices
)

const setMenu = (isOpen) => {
  menu.setAttribute("aria-expanded", String(isOpen))
  nav.classList.toggle("open", isOpen)
}
menu.addEventListener("click", () => setMenu(menu.getAttribute("aria-expanded") !== "true"))
nav.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || menu.getAttribute("aria-expanded") !== "true") return
  setMenu(false)
  menu.focus()
})

const words = {
  live: "Live",
  connecting: "Connecting…",
  lost: "Connection lost; reconnecting…",
  away: "The server cannot be reached; trying again…"
}
const showConnection = () => {
  const now = access.get() !== "open" ? undefined : reachable.get() ? connection.get() : "away"
  setAttribute(state, "data-connection", now)
  setText(state, words[now] ?? "")
}
connection.follow(showConnection)
reachable.follow(showConnection)

const setCount = (path, n, what) => {
  const count = counts.get(path)
  count.hidden = n === 0
  setText(count, n === 0 ? "" : String(n))
  setAttribute(count, "aria-label", `(${n} ${what})`)
  setAttribute(count, "role", "img")
}
system.follow((now) => {
  const { actors } = now
  const partitions = actors.flatMap(({ replicas }) => replicas.flatMap(({ partitions }) => partitions))
  setCount("", troubles(now).length, "that need a hand")
  setCount(
    "dead-letters",
    actors.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    "dead letters"
  )
  setCount(
    "keys",
    partitions.reduce((sum, { stuck }) => sum + (stuck?.count ?? 0), 0),
    "held or paused"
  )
})

let life

/** The parts of an address: `#/actors/renewals`, `#/orders/one/another`. What is no address of ours is the overview's. */
const parts = () => {
  try {
    return location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent)
  } catch {
    return [""]
  }
}

const show = (isFirst = false) => {
  life?.end()
  life = makeLife()
  setMenu(false)
  hide()
  main.replaceChildren()
  if (access.get() !== "open") {
    document.title = "Access · Sixfold"
    nav.hidden = menu.hidden = true
    return signIn(main, access.get(), begin)
  }
  nav.hidden = menu.hidden = false
  const [path, ...named] = parts()
  const [argument = ""] = named
  const { view } = views.get(path) ?? views.get("")
  for (const [of, link] of links) setAttribute(link, "aria-current", of === path ? "page" : undefined)
  document.title = `${view.title(argument)} · Sixfold`
  view.show(main, { life, argument, named })
  scrollTo(0, 0)
  if (!isFirst) main.querySelector("h1")?.focus()
}

const begin = () => {
  access.set("open")
  startSystem()
  void startLive()
}

let shown = access.get()
access.follow((now) => {
  showConnection()
  // Whoever writes a token is not disturbed by another answer that one is needed.
  if (now === shown) return
  shown = now
  if (now !== "open") {
    stopSystem()
    stopLive()
  }
  show()
})
// A link to where one is changes no address, and begins anew all the same.
nav.addEventListener("click", ({ target }) => {
  if (target.closest("a")?.hash === location.hash) show()
})
addEventListener("hashchange", () => {
  // The skip link is no address.
  if (location.hash === "#main") return main.focus()
  show()
})
begin()
show(true)
