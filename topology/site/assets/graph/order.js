// What a layered layout needs to know of a graph: its parts, its cycles, its layers. Pure; without recursion, so that no graph is too deep.

/** The parts that hang together, in the order of their first boxes. */
export const components = (boxes, edges) => {
  const parent = new Map(boxes.map(({ id }) => [id, id]))
  const root = (id) => {
    while (parent.get(id) !== id) {
      parent.set(id, parent.get(parent.get(id)))
      id = parent.get(id)
    }
    return id
  }
  for (const { from, to } of edges) parent.set(root(to), root(from))
  const parts = new Map()
  for (const box of boxes) {
    const key = root(box.id)
    if (!parts.has(key)) parts.set(key, { boxes: [], edges: [] })
    parts.get(key).boxes.push(box)
  }
  for (const edge of edges) parts.get(root(edge.from)).edges.push(edge)
  return [...parts.values()]
}

const outgoing = (boxes, edges) => {
  const next = new Map(boxes.map(({ id }) => [id, []]))
  for (const edge of edges) next.get(edge.from).push(edge)
  return next
}

/** Edges apart that lead back to where a walk came from: what is left has no cycle. Walks begin where nothing leads to, else in order. */
export const acyclic = (boxes, edges) => {
  const next = outgoing(boxes, edges)
  const reached = new Set(edges.map(({ to }) => to))
  const starts = [...boxes.filter(({ id }) => !reached.has(id)), ...boxes]
  const state = new Map()
  const [forward, back] = [[], []]
  for (const { id } of starts) {
    if (state.has(id)) continue
    state.set(id, "open")
    for (const stack = [{ id, at: 0 }]; stack.length > 0;) {
      const top = stack.at(-1)
      const edge = next.get(top.id)[top.at++]
      if (edge === undefined) {
        state.set(top.id, "done")
        stack.pop()
      } else if (state.get(edge.to) === "open") {
        back.push(edge)
      } else {
        forward.push(edge)
        if (state.has(edge.to)) continue
        state.set(edge.to, "open")
        stack.push({ id: edge.to, at: 0 })
      }
    }
  }
  return { forward, back }
}

/** The layer of each box: behind all that lead to it. Of a graph without cycles. */
export const ranks = (boxes, edges) => {
  const next = outgoing(boxes, edges)
  const missing = new Map(boxes.map(({ id }) => [id, 0]))
  for (const { to } of edges) missing.set(to, missing.get(to) + 1)
  const rank = new Map(boxes.map(({ id }) => [id, 0]))
  const ready = boxes.filter(({ id }) => missing.get(id) === 0).map(({ id }) => id)
  for (const id of ready) {
    for (const { to } of next.get(id)) {
      rank.set(to, Math.max(rank.get(to), rank.get(id) + 1))
      missing.set(to, missing.get(to) - 1)
      if (missing.get(to) === 0) ready.push(to)
    }
  }
  return rank
}
