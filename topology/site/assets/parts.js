// Pieces that several views are made of.

import { h, newId, setAttribute, setText } from "./dom.js"
import { clipped, relative, when } from "./format.js"

/** A view's head: the focus goes to its heading when the view is opened. */
export const head = (title, lead, ...more) =>
  h("header", { class: "head" }, h("h1", { tabindex: "-1" }, title), lead && h("p", { class: "lead" }, lead), ...more)

/** A part of a view with a heading of its own. */
export const section = (title, ...children) => {
  const id = newId("section")
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...children)
}

/** A control with its label, and a hint that belongs to it. */
export const field = (label, control, hint) => {
  const id = newId("field")
  control.id = id
  if (hint !== undefined) control.setAttribute("aria-describedby", `${id}-hint`)
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    hint !== undefined && h("p", { id: `${id}-hint`, class: "hint" }, hint)
  )
}

/** A state: a dot whose shape and colour say how it is, and always the word. */
export const badge = (state) => {
  const word = h("span", {}, state)
  const element = h(
    "span",
    { class: "badge", "data-state": state },
    h("span", { class: "dot", "aria-hidden": "true" }),
    word
  )
  return {
    element,
    update(next, text = next) {
      setAttribute(element, "data-state", next)
      setText(word, text)
    }
  }
}

/** Foreign text: a key, an error. In full where one asks for it. */
export const foreign = (text, most) => {
  const short = clipped(text, most)
  return h("span", { class: "foreign", title: short === text ? undefined : text.slice(0, 2_000) }, short)
}

/** A moment, told relative to now; `tick` brings it up to date. */
export const moment = (iso) => {
  const element = h("time", {})
  const tick = (next = iso) => {
    iso = next
    setAttribute(element, "datetime", iso)
    setAttribute(element, "title", when(iso))
    setText(element, relative(iso))
  }
  tick()
  return { element, tick }
}

/**
 * A table that scrolls within its own box; a stacked one puts the cells of a row below each other where there is little room.
 *
 * @param {string} label
 * @param {Array<string | { number: string }>} columns headings; of numbers in braces
 * @param {boolean} isStacked its cells then say what they are: `data-label`
 */
export const table = (label, columns, isStacked = false) => {
  const body = h("tbody")
  const heading = (column) =>
    typeof column === "string"
      ? h("th", { scope: "col" }, column)
      : h("th", { scope: "col", class: "number" }, column.number)
  const element = h(
    "div",
    { class: "scroll", role: "group", "aria-label": label, tabindex: "0" },
    h("table", { class: isStacked ? "stacked" : undefined }, h("thead", {}, h("tr", {}, columns.map(heading))), body)
  )
  return { element, body }
}

/** What stands where a list is empty. */
export const empty = (text) => h("p", { class: "empty" }, text)

/** A term and its value, for a `dl`. */
export const fact = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value))
