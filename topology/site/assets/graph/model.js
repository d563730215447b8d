// The topology as a graph: actors and topics, and which reads and writes which. Pure.

/** Text of these sizes in the page's fonts, about. */
const actorWidth = 162
const actorHeight = 74
const topicHeight = 24
const topicWidth = (name) => Math.min(190, Math.max(60, Math.ceil(name.length * 6.6) + 22))

/** In the picture all dead letters are one topic. */
const drawn = (inbox) => new Set(inbox.map((topic) => (topic.endsWith(".dead-letters") ? "*.dead-letters" : topic)))

/**
 * @param {{ nodes: Array<{ name: string, kind: string, inbox: Array<string>, emits: Array<string> }> }} topology
 */
export const graphOf = ({ nodes }) => {
  const boxes = new Map()
  const edges = []
  const topic = (name) => {
    const id = `topic:${name}`
    if (!boxes.has(id)) boxes.set(id, { id, name, isActor: false, width: topicWidth(name), height: topicHeight })
    return id
  }
  for (const { emits, inbox, kind, name } of nodes) {
    const id = `actor:${name}`
    for (const each of drawn(inbox)) edges.push({ from: topic(each), to: id })
    boxes.set(id, { id, name, kind, isActor: true, width: actorWidth, height: actorHeight })
    for (const each of emits) edges.push({ from: id, to: topic(each) })
  }
  return { boxes: [...boxes.values()], edges }
}
