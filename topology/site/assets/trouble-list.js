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

/** @param {{ trouble: { what: string } }} row whose words may have changed since the button was drawn */
const cureButton = (row, { does, path }) =>
  button(
    capital(does),
    async () => {
      const { what } = row.trouble
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

const drawCure = (row, actor, cure) =>
  h(
    "li",
    {},
    cure.path === undefined ? look(actor, cure.does) : cureButton(row, cure),
    h("code", { class: "command" }, cure.command)
  )

const draw = ({ trouble }) => {
  const { actor, cures, since } = trouble
  const row = { trouble }
  const title = h("a", { href: `#/actors/${encodeURIComponent(actor)}` })
  const reason = h("p", { class: "cause foreign" })
  const time = since === undefined ? undefined : moment(since)
  const element = h(
    "li",
    { class: "trouble" },
    h("h3", { class: "foreign" }, title),
    reason,
    time && h("p", { class: "since" }, "Since ", time.element),
    h(
      "ul",
      { class: "cures" },
      cures.map((cure) => drawCure(row, actor, cure))
    )
  )
  return {
    element,
    update({ trouble }) {
      row.trouble = trouble
      setText(title, clipped(trouble.what, 160))
      setText(reason, clipped(trouble.cause, 400))
      time?.tick(trouble.since)
    }
  }
}

/**
 * With a key each: what its buttons do, and which of those that do the same. Words are no part of it: they count letters, and who is about
 * to press a button must not lose it to another letter.
 */
const identified = (troubles) => {
  const seen = new Map()
  return troubles.map((trouble) => {
    const { actor, cures, since } = trouble
    const same = JSON.stringify([actor, cures, since === undefined])
    const nth = seen.get(same) ?? 0
    seen.set(same, nth + 1)
    return { trouble, key: `${nth} ${same}` }
  })
}

/** A list that is kept up to date. */
export const troubleList = (fallback) => {
  const element = h("ul", { class: "troubles" })
  const update = keyed(element, ({ key }) => key, draw, fallback)
  return { element, update: (troubles) => update(identified(troubles)) }
}
