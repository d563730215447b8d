// The topology as a live graph, what needs a hand, and every actor in a table.

import { h, keyed, setText } from "../dom.js"
import { drawGraph } from "../graph/draw.js"
import { number, rate } from "../format.js"
import { badge, head, section, table } from "../parts.js"
import { summaryOf, system, topology } from "../system.js"
import { troubleList } from "../trouble-list.js"
import { troubles } from "../troubles.js"

export const title = () => "Overview"

/** The width that the graph may take without scrolling, on a wide screen. */
const graphWidth = 986

const drawRow = (actor) => {
  const { kind, name } = actor
  const state = badge(actor.state)
  const cells = Array.from({ length: 7 }, () => h("td", { class: "number" }))
  const element = h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: `#/actors/${encodeURIComponent(name)}` }, name)),
    h("td", {}, kind),
    h("td", {}, state.element),
    cells
  )
  return {
    element,
    update({ actor, perSecond }) {
      state.update(actor.state)
      if (kind === "routes") return
      const { inFlight, lag, parked, replicas, restarts } = summaryOf(actor)
      const texts = [replicas, lag, perSecond, inFlight, parked, restarts, actor.deadLetters]
      texts.forEach((n, at) => setText(cells[at], at === 2 ? rate(n) : number(n)))
    }
  }
}

const columns = [
  "Actor",
  "Kind",
  "State",
  ...["Replicas", "Lag", "Rate", "In flight", "Parked", "Restarts", "Dead letters"].map((number) => ({ number }))
]

export const show = (main, { life }) => {
  const top = head("Overview", "Actors and the topics between them, as they are now.")
  const good = h("p", { class: "good" }, "Nothing is stuck.")
  const list = troubleList(top.querySelector("h1"))
  const box = h("div", { class: "scroll graph-box", role: "group", "aria-label": "Graph, scrollable", tabindex: "0" })
  const rows = table("Actors", columns)
  const updateRows = keyed(
    rows.body,
    ({ actor }) => actor.name,
    ({ actor }) => drawRow(actor)
  )
  const attention = section("Needs a hand", good, list.element)
  main.append(top, attention, section("Topology", box), section("Actors", rows.element))

  let graph
  const update = (now) => {
    if (now === undefined) return
    graph?.update(now)
    updateRows(now.actors.map((actor) => ({ actor, perSecond: now.rates.get(actor.name) })))
    const found = troubles(now)
    good.hidden = found.length > 0
    list.update(found)
  }
  life.add(
    topology.follow((known) => {
      graph = drawGraph(known, graphWidth)
      box.replaceChildren(graph.element)
      update(system.get())
    })
  )
  life.add(system.follow(update))
}
