// Troubles with their cures: a button where this server can do it, and the command for a terminal.

import { h, keyed, setText } from "./dom.js"
import { clipped } from "./format.js"
import { button, confirmed, say } from "./notice.js"
import { moment } from "./parts.js"
import { request } from "./session.js"
import { refresh } from "./system.js"

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)

const cureButton = (what, { does, path }) =>
  button(
    capital(does),
    async () => {
      const isFinal = path.endsWith("/skip")
      if (
        isFinal &&
        !(await confirmed("Skip this message?", `${clipped(what, 300)}: its message becomes a dead letter.`, "Skip it"))
      )
        return
      await request("POST", path)
      say(`${clipped(what)}: it is in the log, and takes effect in its turn.`)
      refresh()
    },
    { class: "small" }
  )

const drawCure = (what, cure) =>
  h(
    "li",
    {},
    cure.path === undefined ? h("span", { class: "does" }, capital(cure.does)) : cureButton(what, cure),
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
      cures.map((cure) => drawCure(what, cure))
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
