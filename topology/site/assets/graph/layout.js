// Where the nodes of a directed graph go: layers from left to right, few crossings, nothing on top of anything else. Pure.
// Layering, ordering by barycentres and coordinates after Sugiyama, Tagawa and Toda (1981).

import { acyclic, components, ranks } from "./order.js"
import { align } from "./align.js"

/**
 * @typedef {{ id: string, width: number, height: number }} Box
 * @typedef {{ from: string, to: string }} Edge
 * @typedef {{ x: number, y: number }} Point top left of a box
 * @typedef {{ from: string, to: string, isBack: boolean, points: Array<[number, number]> }} Path from the right side of a box to the left side of one
 * @typedef {{ column: number, row: number, between: number, lane: number }} Gaps
 */

/** @type {Gaps} */
export const gaps = { column: 32, row: 12, between: 28, lane: 12 }

const sweeps = 12

/** A place in a layer: a box, or where a long edge passes through. */
const makeCells = (boxes, edges, rankOf) => {
  const cells = new Map(boxes.map((box) => [box.id, { ...box, rank: rankOf.get(box.id), before: [], after: [] }]))
  const layers = []
  const put = (cell) => (layers[cell.rank] ??= []).push(cell)
  for (const cell of cells.values()) put(cell)
  const join = (a, b) => {
    a.after.push(b)
    b.before.push(a)
  }
  const chains = edges.map(({ from, to }) => {
    const [source, target] = [cells.get(from), cells.get(to)]
    const chain = [source]
    for (let rank = source.rank + 1; rank < target.rank; rank++) {
      const bend = { id: undefined, width: 0, height: 8, rank, before: [], after: [] }
      put(bend)
      chain.push(bend)
    }
    chain.push(target)
    for (let at = 1; at < chain.length; at++) join(chain[at - 1], chain[at])
    return chain
  })
  return { cells, layers, chains }
}

const mean = (numbers, otherwise) =>
  numbers.length === 0 ? otherwise : numbers.reduce((sum, n) => sum + n, 0) / numbers.length

const number = (layer) => layer.forEach((cell, index) => (cell.index = index))

const crossings = (layers) => {
  let count = 0
  for (const layer of layers) {
    const edges = layer.flatMap((cell) => cell.after.map((next) => [cell.index, next.index]))
    for (let a = 0; a < edges.length; a++) {
      for (let b = a + 1; b < edges.length; b++) {
        if ((edges[a][0] - edges[b][0]) * (edges[a][1] - edges[b][1]) < 0) count++
      }
    }
  }
  return count
}

/** Orders each layer by where its neighbours are, to and fro; keeps the order with the fewest crossings. */
const untangle = (layers) => {
  layers.forEach(number)
  let best = { count: crossings(layers), layers: layers.map((layer) => [...layer]) }
  for (let sweep = 0; sweep < sweeps && best.count > 0; sweep++) {
    const isForward = sweep % 2 === 0
    for (const layer of isForward ? layers : layers.toReversed()) {
      const weight = (cell) =>
        mean(
          (isForward ? cell.before : cell.after).map(({ index }) => index),
          cell.index
        )
      const weights = new Map(layer.map((cell) => [cell, weight(cell)]))
      layer.sort((a, b) => weights.get(a) - weights.get(b) || a.index - b.index)
      number(layer)
    }
    const count = crossings(layers)
    if (count < best.count) best = { count, layers: layers.map((layer) => [...layer]) }
  }
  best.layers.forEach(number)
  return best.layers
}

/** One connected part, with its top left corner at 0, 0. */
const place = (boxes, edges) => {
  const { back, forward } = acyclic(boxes, edges)
  const { cells, chains, layers: unordered } = makeCells(boxes, forward, ranks(boxes, forward))
  const layers = untangle(unordered)
  const bottom = align(layers, gaps.row)
  // Edges that go back run around the outside: they need room at both ends.
  let x = back.length > 0 ? gaps.lane + 6 : 0
  for (const layer of layers) {
    const width = Math.max(...layer.map((cell) => cell.width))
    for (const cell of layer) cell.x = cell.id === undefined ? x : x + (width - cell.width) / 2
    for (const cell of layer) if (cell.id === undefined) cell.width = width
    x += width + gaps.column
  }
  const middle = (cell) => cell.y + cell.height / 2
  const paths = chains.map((chain) => ({
    from: chain[0].id,
    to: chain.at(-1).id,
    isBack: false,
    points: chain.flatMap((cell, at) => [
      ...(at === 0 ? [] : [[cell.x, middle(cell)]]),
      ...(at === chain.length - 1 ? [] : [[cell.x + cell.width, middle(cell)]])
    ])
  }))
  // Edges back to the same box share a lane below everything.
  const lanes = new Map()
  for (const { from, to } of back) {
    if (!lanes.has(to)) lanes.set(to, bottom + gaps.lane * (lanes.size + 1))
    const [source, target, lane] = [cells.get(from), cells.get(to), lanes.get(to)]
    const [right, left] = [source.x + source.width, target.x]
    const points = [
      [right, middle(source)],
      [right + gaps.lane, middle(source)],
      [right + gaps.lane, lane],
      [left - gaps.lane, lane],
      [left - gaps.lane, middle(target)],
      [left, middle(target)]
    ]
    paths.push({ from, to, isBack: true, points })
  }
  return {
    width: x - gaps.column + (back.length > 0 ? gaps.lane : 0),
    height: bottom + gaps.lane * lanes.size,
    at: new Map(boxes.map(({ id }) => [id, { x: cells.get(id).x, y: cells.get(id).y }])),
    paths
  }
}

/** The first shelf that has room, or a new one. */
const shelve = (parts, width) => {
  const shelves = []
  for (const part of parts) {
    let shelf = shelves.find((shelf) => shelf.width + gaps.between + part.width <= width)
    if (shelf === undefined) shelves.push((shelf = { width: -gaps.between, height: 0, parts: [] }))
    shelf.parts.push({ ...part, left: shelf.width + gaps.between })
    shelf.width += gaps.between + part.width
    shelf.height = Math.max(shelf.height, part.height)
  }
  return shelves
}

/**
 * The same for the same boxes and edges in the same order.
 *
 * @param {Array<Box>} boxes
 * @param {Array<Edge>} edges between boxes that are there
 * @param {number} width parts that do not hang together are set beside each other up to this
 * @returns {{ width: number, height: number, at: Map<string, Point>, paths: Array<Path> }}
 */
export const layout = (boxes, edges, width) => {
  const parts = components(boxes, edges).map((part) => place(part.boxes, part.edges))
  const whole = { width: 0, height: 0, at: new Map(), paths: [] }
  for (const shelf of shelve(parts, width)) {
    const top = whole.height === 0 ? 0 : whole.height + gaps.between
    for (const { at, left, paths } of shelf.parts) {
      for (const [id, { x, y }] of at) whole.at.set(id, { x: x + left, y: y + top })
      for (const path of paths) whole.paths.push({ ...path, points: path.points.map(([x, y]) => [x + left, y + top]) })
    }
    whole.width = Math.max(whole.width, shelf.width)
    whole.height = top + shelf.height
  }
  return whole
}
