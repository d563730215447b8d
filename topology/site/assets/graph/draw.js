// The graph as SVG, and its actors as they are now.

import { s, setAttribute, setText } from "../dom.js"
import { clipped, compact, rate } from "../format.js"
import { summaryOf } from "../system.js"
import { layout } from "./layout.js"
import { graphOf } from "./model.js"

const padding = 8
const radius = 7

/** The point `length` away from a corner, on the way to another point. */
const towards = ([x, y], [toX, toY], length) => {
  const distance = Math.hypot(toX - x, toY - y)
  const part = distance === 0 ? 0 : Math.min(1, length / distance)
  return [x + (toX - x) * part, y + (toY - y) * part].join(" ")
}

const bent = (points) =>
  points
    .slice(1, -1)
    .map((corner, at) => {
      const [before, after] = [towards(corner, points[at], radius), towards(corner, points[at + 2], radius)]
      return `L${before}Q${corner.join(" ")} ${after}`
    })
    .join("")

const curved = (points) =>
  points
    .slice(1)
    .map(([x, y], at) => {
      const [fromX, fromY] = points[at]
      const middle = (fromX + x) / 2
      return `C${middle} ${fromY} ${middle} ${y} ${x} ${y}`
    })
    .join("")

/** A line through points: a curve forward, around corners back. */
const line = ({ isBack, points }) => {
  const path = `M${points[0].join(" ")}`
  return isBack ? `${path}${bent(points)}L${points.at(-1).join(" ")}` : path + curved(points)
}

const drawTopic = ({ height, name, width }, { x, y }) =>
  s(
    "g",
    { class: "topic", transform: `translate(${x} ${y})` },
    s("title", {}, `Topic ${name}`),
    s("rect", { width, height, rx: height / 2 }),
    s("text", { x: width / 2, y: height / 2 + 4 }, clipped(name, 26))
  )

const counts = ({ lag, replicas }, perSecond) =>
  [
    `×${replicas}`,
    ...(lag === undefined ? [] : [`lag ${compact(lag)}`]),
    ...(perSecond === undefined ? [] : [rate(perSecond)])
  ].join("  ")

const trouble = ({ held, restarts }, letters) =>
  [
    `${compact(restarts)} ${restarts === 1 ? "restart" : "restarts"}`,
    ...(letters === 0 ? [] : [`${compact(letters)} dead`]),
    ...(held === 0 ? [] : [`${compact(held)} held`])
  ].join(" · ")

const drawActor = ({ height, kind, name, width }, { x, y }) => {
  const state = s("text", { x: 26, y: 36, class: "state" })
  const [first, second] = [s("text", { x: 12, y: 51, class: "counts" }), s("text", { x: 12, y: 65, class: "counts" })]
  const element = s(
    "a",
    { class: "actor", href: `#/actors/${encodeURIComponent(name)}`, transform: `translate(${x} ${y})` },
    s("rect", { width, height, rx: 10, class: "box" }),
    s("circle", { cx: 17, cy: 32, r: 4, class: "dot" }),
    // The spaces part the words of the link's name.
    ...[s("text", { x: 12, y: 19, class: "name" }, clipped(name, 21)), state, first, second].flatMap((text) => [
      text,
      " "
    ])
  )
  return {
    element,
    update(actor, perSecond) {
      const summary = summaryOf(actor)
      setAttribute(element, "data-state", actor.state)
      setText(state, `${actor.state} · ${kind}`)
      if (kind === "routes") return setText(first, "HTTP and WebSocket")
      setText(first, counts(summary, perSecond))
      setText(second, trouble(summary, actor.deadLetters))
      setAttribute(second, "class", summary.held > 0 || actor.deadLetters > 0 ? "counts bad" : "counts")
    }
  }
}

/** What goes to and from a node stands out while it is looked at. */
const light = (element, id, lines) => {
  const touching = lines.filter(({ from, to }) => from === id || to === id).map(({ element }) => element)
  const set = (isLit) => touching.forEach((line) => line.classList.toggle("lit", isLit))
  for (const [begin, end] of [
    ["pointerenter", "pointerleave"],
    ["focus", "blur"]
  ]) {
    element.addEventListener(begin, () => set(true))
    element.addEventListener(end, () => set(false))
  }
}

/**
 * @param {object} topology as `GET /topology` answers
 * @param {number} width parts of the graph are set beside each other up to this
 */
export const drawGraph = (topology, width) => {
  const { boxes, edges } = graphOf(topology)
  const placed = layout(boxes, edges, width - 2 * padding)
  const lines = placed.paths.map((path) => ({
    ...path,
    element: s("path", { d: line(path), class: path.isBack ? "edge back" : "edge", "marker-end": "url(#arrow)" })
  }))
  const actors = new Map()
  const nodes = boxes.map((box) => {
    if (!box.isActor) return drawTopic(box, placed.at.get(box.id))
    const actor = drawActor(box, placed.at.get(box.id))
    actors.set(box.name, actor)
    light(actor.element, box.id, lines)
    return actor.element
  })
  const size = { width: placed.width + 2 * padding, height: placed.height + 2 * padding }
  const arrow = s(
    "marker",
    { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
    s("path", { d: "M0 0.5 8 4 0 7.5z", class: "tip" })
  )
  const svg = s(
    "svg",
    {
      class: "graph",
      ...size,
      viewBox: `0 0 ${size.width} ${size.height}`,
      role: "group",
      "aria-label": "Graph of actors and topics"
    },
    s("defs", {}, arrow),
    s(
      "g",
      { transform: `translate(${padding} ${padding})` },
      s(
        "g",
        { "aria-hidden": "true" },
        lines.map(({ element }) => element)
      ),
      nodes
    )
  )
  return {
    element: svg,
    /** @param {{ actors: Array<object>, rates: Map<string, number> }} system */
    update({ actors: now, rates }) {
      for (const actor of now) actors.get(actor.name)?.update(actor, rates.get(actor.name))
    }
  }
}
