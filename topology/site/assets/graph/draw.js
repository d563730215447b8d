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

/** A picture has no room to say how long a name is: a topic's title, an actor's own view, has it in full. */
const short = (name, most) => clipped(name.length > most ? `${name.slice(0, most - 1).toWellFormed()}…` : name, most)

/** Squeezes a text that would reach beyond its room. Only what is in the page can be measured. */
const fit = (text, room) => {
  text.removeAttribute("textLength")
  if (text.getComputedTextLength() <= room) return
  setAttribute(text, "textLength", room)
  setAttribute(text, "lengthAdjust", "spacingAndGlyphs")
}

const write = (text, words, room) => {
  if (text.textContent === words) return
  setText(text, words)
  fit(text, room)
}

const drawTopic = ({ height, name, width }, { x, y }) => {
  const text = s("text", { x: width / 2, y: height / 2 + 4 }, short(name, 26))
  const element = s(
    "g",
    { class: "topic", transform: `translate(${x} ${y})` },
    s("title", {}, `Topic ${clipped(name, 300)}`),
    s("rect", { width, height, rx: height / 2 }),
    text
  )
  return { element, fitName: () => fit(text, width - 16) }
}

const counts = ({ lag, replicas }, perSecond) =>
  [
    `×${replicas}`,
    ...(lag === undefined ? [] : [`lag ${compact(lag)}`]),
    ...(perSecond === undefined ? [] : [rate(perSecond)])
  ].join("  ")

/** What is zero is left out where there is something to tell. */
const trouble = ({ held, restarts }, letters) =>
  [
    ...(restarts === 0 && letters + held > 0
      ? []
      : [`${compact(restarts)} ${restarts === 1 ? "restart" : "restarts"}`]),
    ...(letters === 0 ? [] : [`${compact(letters)} dead`]),
    ...(held === 0 ? [] : [`${compact(held)} held`])
  ].join(" · ")

const drawActor = ({ height, kind, name, width }, { x, y }) => {
  const title = s("text", { x: 12, y: 19, class: "name" }, short(name, 21))
  const state = s("text", { x: 26, y: 36, class: "state" })
  const [first, second] = [s("text", { x: 12, y: 51, class: "counts" }), s("text", { x: 12, y: 65, class: "counts" })]
  const element = s(
    "a",
    { class: "actor", href: `#/actors/${encodeURIComponent(name)}`, transform: `translate(${x} ${y})` },
    s("rect", { width, height, rx: 10, class: "box" }),
    s("circle", { cx: 17, cy: 32, r: 4, class: "dot" }),
    // The spaces part the words of the link's name.
    ...[title, state, first, second].flatMap((text) => [text, " "])
  )
  const room = width - 24
  return {
    element,
    fitName: () => fit(title, room),
    update(actor, perSecond) {
      const summary = summaryOf(actor)
      setAttribute(element, "data-state", actor.state)
      write(state, `${actor.state} · ${kind}`, room - 14)
      if (kind === "routes") return write(first, "HTTP and WebSocket", room)
      write(first, counts(summary, perSecond), room)
      // Before it is measured: what is bad is bold.
      setAttribute(second, "class", summary.held > 0 || actor.deadLetters > 0 ? "counts bad" : "counts")
      write(second, trouble(summary, actor.deadLetters), room)
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
    const node = (box.isActor ? drawActor : drawTopic)(box, placed.at.get(box.id))
    if (!box.isActor) return node
    actors.set(box.name, node)
    light(node.element, box.id, lines)
    return node
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
      nodes.map(({ element }) => element)
    )
  )
  let isFitted = false
  return {
    element: svg,
    /** Once it is in the page. @param {{ actors: Array<object>, rates: Map<string, number> }} system */
    update({ actors: now, rates }) {
      if (!isFitted) for (const { fitName } of nodes) fitName()
      isFitted = true
      for (const actor of now) actors.get(actor.name)?.update(actor, rates.get(actor.name))
    }
  }
}
