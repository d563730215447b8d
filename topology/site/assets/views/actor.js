// One actor: its topics, its replicas and partitions in all processes, and what holds them.

import { h, keyed, setText } from "../dom.js"
import { clipped, number, plural, rate } from "../format.js"
import { button, say } from "../notice.js"
import { badge, empty, fact, foreign, head, section, table } from "../parts.js"
import { request } from "../session.js"
import { refresh, summaryOf, system, topology } from "../system.js"
import { troubleList } from "../trouble-list.js"
import { troubles } from "../troubles.js"

export const title = (name) => clipped(name, 60)

const heldText = ({ held, restoring }) => {
  if (held !== null) return `${held.by ?? "key"} ${clipped(held.key, 60)}: ${clipped(held.cause, 120)}`
  return restoring === undefined ? "" : `restoring: at ${number(restoring.done)} of ${number(restoring.end)}`
}

const drawPartition = () => {
  const cells = Array.from({ length: 8 }, (_, at) => h("td", { class: at >= 3 && at < 7 ? "number" : "foreign" }))
  return {
    element: h("tr", {}, cells),
    update({ partition, replica }) {
      const { inFlight, lag, parked, settled, topic } = partition
      const texts = [
        `${replica.replica} of ${clipped(replica.instance, 24)}`,
        topic ?? "",
        String(partition.partition),
        settled === undefined ? "" : number(settled),
        number(lag),
        number(inFlight),
        number(parked),
        heldText(partition)
      ]
      texts.forEach((text, at) => setText(cells[at], text))
    }
  }
}

const drawReplica = ({ instance, replica }) => {
  const state = badge("running")
  const note = h("p", { class: "foreign quiet-text" })
  const element = h(
    "li",
    { class: "replica" },
    h("strong", {}, `Replica ${replica} of `, foreign(instance, 40)),
    state.element,
    note
  )
  return {
    element,
    update({ partitions, restarts, silentSince, state: now, trouble }) {
      state.update(now, silentSince === undefined ? now : "silent")
      const told = [plural(partitions.length, "partition"), plural(restarts, "restart")]
      if (trouble !== undefined) told.push(clipped(trouble.cause, 300))
      if (silentSince !== undefined) told.push("its process has not been heard of")
      setText(note, told.join(" · "))
    }
  }
}

const columns = [
  "Replica",
  "Topic",
  "Partition",
  ...["Settled", "Lag", "In flight", "Parked"].map((number) => ({ number })),
  "Held by"
]

const names = (topics) => (topics.length === 0 ? "–" : topics.join(", "))

export const show = (main, { argument: name, life }) => {
  const top = head(clipped(name, 60))
  const facts = h("dl", { class: "facts" })
  const state = badge("starting")
  const values = new Map(
    ["Kind", "Reads", "Writes", "Lag", "Rate", "Parked", "Restarts"].map((term) => [
      term,
      h("span", { class: "foreign" })
    ])
  )
  facts.append(fact("State", state.element), ...[...values].map(([term, value]) => fact(term, value)))
  const letters = h("a", { class: "button", href: `#/dead-letters/${encodeURIComponent(name)}` }, "Dead letters")
  const restart = button("Restart its replicas here", async () => {
    const { data } = await request("POST", `/actors/${encodeURIComponent(name)}/restart`)
    say(`${name}: ${plural(data.replicas, "replica")} restarting.`)
    refresh()
  })
  const unknown = empty("There is no actor of this name.")
  const list = troubleList(top.querySelector("h1"))
  const attention = section("Needs a hand", list.element)
  const replicas = h("ul", { class: "replicas" })
  const updateReplicas = keyed(replicas, ({ instance, replica }) => JSON.stringify([instance, replica]), drawReplica)
  const partitions = table("Partitions", columns)
  const updatePartitions = keyed(
    partitions.body,
    ({ partition, replica }) =>
      JSON.stringify([replica.instance, replica.replica, partition.topic, partition.partition]),
    drawPartition
  )
  const operations = h("div", { class: "actions" }, restart, letters)
  const parts = [
    h("section", { class: "card", "aria-label": "Facts" }, facts, operations),
    attention,
    section("Replicas", replicas),
    section("Partitions", partitions.element)
  ]
  main.append(top, unknown, ...parts)

  /** Said of a partition only where there are several topics. */
  let inbox
  const update = (now) => {
    const actor = now.actors.find((actor) => actor.name === name)
    unknown.hidden = actor !== undefined
    for (const part of parts) part.hidden = actor === undefined
    if (actor === undefined) return
    const { lag, parked, restarts } = summaryOf(actor)
    state.update(actor.state)
    setText(values.get("Kind"), actor.kind)
    setText(values.get("Lag"), number(lag))
    setText(values.get("Rate"), rate(now.rates.get(name)))
    setText(values.get("Parked"), number(parked))
    setText(values.get("Restarts"), number(restarts))
    setText(letters, `Dead letters (${number(actor.deadLetters)})`)
    letters.hidden = restart.hidden = actor.kind === "routes"
    updateReplicas(actor.replicas)
    updatePartitions(
      actor.replicas.flatMap((replica) =>
        replica.partitions.map((partition) => ({ replica, partition: { topic: inbox, ...partition } }))
      )
    )
    for (const part of parts.slice(2)) part.hidden = actor.replicas.length === 0
    const found = troubles(now).filter((trouble) => trouble.actor === name)
    attention.hidden = found.length === 0
    list.update(found)
  }
  life.add(
    topology.follow(({ nodes }) => {
      const node = nodes.find((node) => node.name === name)
      setText(values.get("Reads"), names(node?.inbox ?? []))
      inbox = node?.inbox[0]
      setText(values.get("Writes"), names(node?.emits ?? []))
    })
  )
  life.add(system.follow(update))
}
