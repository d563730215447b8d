// Keys that wait for an operator, and commands for any key.

import { h, keyed, setText } from "../dom.js"
import { clipped } from "../format.js"
import { button, complain, confirmed, say } from "../notice.js"
import { empty, field, foreign, head, moment, section, table } from "../parts.js"
import { request, segment } from "../session.js"
import { refresh, system, topology } from "../system.js"

export const title = () => "Keys"

const did = {
  pause: "Its messages will be parked until it is resumed.",
  resume: "What it is held by is tried again at once.",
  skip: "What it is held by becomes a dead letter."
}

const command = async (actor, key, op) => {
  if (op === "skip") {
    const explanation = `What ${clipped(key, 300)} of ${actor} is held by becomes a dead letter.`
    if (!(await confirmed("Skip this message?", explanation, "Skip it"))) return
  }
  // In the body: no address holds an empty key, or one of dots.
  await request("POST", `/actors/${segment(actor)}/keys/${op}`, { body: { key } })
  say(`${op} ${clipped(key)} of ${actor}: in the log. ${did[op]}`)
  refresh()
}

/** Keys that go on only when somebody says so, and those that hold a partition now; the longest first. */
const heldKeys = ({ actors }) =>
  actors
    .flatMap(({ name, replicas }) =>
      replicas.flatMap(({ partitions }) =>
        partitions.flatMap(({ held, stuck }) => {
          const running = held?.by === "handler" || held?.by === "worker" ? [held] : []
          return [...(stuck?.keys ?? []), ...running].map((key) => ({ actor: name, ...key }))
        })
      )
    )
    .toSorted((a, b) => (a.since < b.since ? -1 : 1))

const unnamed = ({ actors }) =>
  actors
    .flatMap(({ replicas }) => replicas.flatMap(({ partitions }) => partitions))
    .reduce((sum, { stuck }) => sum + (stuck === undefined ? 0 : stuck.count - stuck.keys.length), 0)

const drawRow = ({ actor, by, key, since }) => {
  const [time, cause] = [moment(since), h("td", { class: "foreign", "data-label": "Cause" })]
  const act = (label, op) =>
    button(label, () => command(actor, key, op), {
      class: "small",
      "aria-label": `${label} ${clipped(key, 60)} of ${actor}`
    })
  const [resume, skip] = [act("Resume", "resume"), act("Skip", "skip")]
  const element = h(
    "tr",
    {},
    h("th", { scope: "row" }, foreign(key)),
    h("td", { "data-label": "Actor" }, actor),
    h("td", { "data-label": "Since" }, time.element),
    cause,
    h("td", {}, by === undefined && h("div", { class: "actions" }, resume, skip))
  )
  return {
    element,
    update(held) {
      time.tick(held.since)
      // A pause holds no message that could be given up.
      skip.hidden = held.cause === "paused by an operator"
      setText(cause, clipped(held.cause, 300))
    }
  }
}

export const show = (main, { life }) => {
  const top = head(
    "Keys",
    "A key that waits holds up nobody but itself. Pause one, let it go on, or give up what it is held by."
  )
  const actor = h("select", { required: true })
  const key = h("input", { autocomplete: "off", spellcheck: "false" })
  const act = (label, op) => h("button", { value: op, class: op === "pause" ? undefined : "quiet" }, label)
  const form = h(
    "form",
    { class: "inline" },
    field("Actor", actor),
    field("Key", key),
    h("div", { class: "actions" }, act("Pause", "pause"), act("Resume", "resume"), act("Skip", "skip"))
  )
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    try {
      await command(actor.value, key.value, event.submitter?.value ?? "pause")
    } catch (error) {
      complain(error)
    }
  })
  const none = empty("No key is held or paused.")
  const more = h("p", { class: "hint", hidden: true })
  const rows = table("Held and paused keys", ["Key", "Actor", "Since", "Cause", "Actions"], true)
  const update = keyed(
    rows.body,
    ({ actor, by, key }) => JSON.stringify([actor, key, by]),
    drawRow,
    top.querySelector("h1")
  )
  main.append(top, section("Command a key", form), section("Held and paused", none, rows.element, more))

  life.add(
    topology.follow(({ nodes }) => {
      const chosen = actor.value
      actor.replaceChildren(
        ...nodes
          .filter(({ kind }) => kind === "keyed")
          .map(({ name }) => h("option", { value: name, selected: name === chosen }, name))
      )
    })
  )
  life.add(
    system.follow((now) => {
      const held = heldKeys(now)
      none.hidden = held.length > 0
      rows.element.hidden = held.length === 0
      update(held)
      more.hidden = unnamed(now) === 0
      setText(more, `${unnamed(now)} more are not named.`)
    })
  )
}
