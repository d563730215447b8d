// Troubles with their cures: a button where this server can do it, and the command for a terminal.

import { h, keyed, setText } from "./dom.js"
import { clipped } from "./format.js"
import { button, confirmed, say } from "./notice.js"
import { moment } from "./parts.js"
import { request } from "./session.js"
import { refresh } from "./system.js"

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)

/** Asked before what cannot be taken back. */
const questionOf = (path) => {
  if (path.endsWith("/skip")) return ["Skip this message?", "Its message becomes a dead letter.", "Skip it"]
  return path.endsWith("/replay") ? ["Replay all?", "Every one that may be is handled again.", "Replay all"] : undefined
}

const cureButton = (what, { does, path }) =>
  button(
    capital(does),
    async () => {
      const [title, explanation, yes] = questionOf(path) ?? []
      if (title !== undefined && !(await confirmed(title, `${clipped(what, 300)}. ${explanation}`, yes))) return
      await request("POST", path)
      say(`${clipped(what)}: it is in the log, and takes effect in its turn.`)
      refresh()
    },
    { class: "small" }
  )

/** What is to be looked at is a view of its own. */
const look = (actor, does) =>
  does === "show them"
    ? h("a", { class: "does", href: `#/dead-letters/${encodeURIComponent(actor)}` }, capital(does))
    : h("span", { class: "does" }, capital(does))

const drawCure = (actor, what, cure) =>
  h(
    "li",
    {},
    cure.path === undefined ? look(actor, cure.does) : cureButton(what, cure),
    h("code", { class: "command" }, cure.command)
  )

const draw = ({ actor, cures, since, what }) => {
  const reason = h("p", { class: "cause foreign" })
  const time = since === undefined ? undefined : moment(since)
  const element = h(
    "li",
    { class: "trouble" },
    h("h3", { class: "foreign" }, h("a", { href: `#/actors/${encodeURIComponent(actor)}` }, clipped(what, 160))),
    reason,
    time && h("p", { class: "since" }, "Since ", time.element),
    h(
      "ul",
      { class: "cures" },
      cures.map((cure) => drawCure(actor, what, cure))
    )
  )
  return {
    element,
    update(trouble) {
      setText(reason, clipped(trouble.cause, 400))
      if (trouble.since !== undefined) time?.tick(trouble.since)
    }
  }
}

/** A list that is kept up to date. `key` tells one trouble from another, also when its words change. */
export const troubleList = (fallback) => {
  const element = h("ul", { class: "troubles" })
  const update = keyed(
    element,
    ({ cures, what }) => JSON.stringify([what, cures.map(({ command }) => command)]),
    draw,
    fallback
  )
  return { element, update }
}
