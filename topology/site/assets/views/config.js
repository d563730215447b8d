// The key–value store: every entry as it is, each change as it comes, and writes that never overwrite what one has not seen.

import { h, keyed, setAttribute, setText } from "../dom.js"
import { followEvents } from "../events.js"
import { clipped, number, pretty } from "../format.js"
import { button, complain, confirmed, say } from "../notice.js"
import { empty, field, foreign, head, section, table } from "../parts.js"
import { get, Refused, request, segment } from "../session.js"

export const title = () => "Configuration"

const mostShown = 1_000

const json = (value) => JSON.stringify(value, undefined, 2)
const path = (key) => `/config/${segment(key)}`

const drawRow = (edit, remove) => {
  return ({ key }) => {
    const [version, value] = [
      h("td", { class: "number", "data-label": "Version" }),
      h("td", { class: "foreign value", "data-label": "Value" })
    ]
    const element = h(
      "tr",
      {},
      h("th", { scope: "row" }, foreign(key, 60)),
      value,
      version,
      h(
        "td",
        {},
        h(
          "div",
          { class: "actions" },
          button("Edit", () => edit(key), { class: "small", "aria-label": `Edit ${clipped(key, 60)}` }),
          button("Delete", () => remove(key), { class: "small quiet", "aria-label": `Delete ${clipped(key, 60)}` })
        )
      )
    )
    return {
      element,
      update(entry) {
        const isNews = version.textContent !== "" && version.textContent !== number(entry.version)
        setText(version, number(entry.version))
        setText(value, clipped(JSON.stringify(entry.value), 160))
        if (isNews) {
          element.classList.remove("news")
          requestAnimationFrame(() => element.classList.add("news"))
        }
      }
    }
  }
}

/** The form: of a new entry, or of one in the version it was read in. */
const editor = (entries) => {
  const key = h("input", { required: true, maxlength: 256, autocomplete: "off", spellcheck: "false" })
  const value = h("textarea", { required: true, rows: 8, spellcheck: "false" })
  const mode = h("p", { class: "hint" })
  const conflict = h("div", { class: "conflict", role: "status" })
  /** The version that is edited; none: the entry must be new. */
  let base
  let isSaving = false

  const begin = (name, entry) => {
    base = entry?.version
    key.value = name
    key.readOnly = entry !== undefined
    // In full and as JSON, whatever it is: it is what will be saved.
    value.value = entry === undefined ? "" : json(entry.value)
    conflict.replaceChildren()
    setText(mode, entry === undefined ? "A new entry." : `Version ${number(base)} of ${clipped(name)}.`)
  }
  /** Says what somebody else made of the entry, and lets one choose. */
  const differ = () => {
    const entry = entries.get(key.value)
    const theirs = entry === undefined ? "It has been deleted." : `It is at version ${number(entry.version)} now:`
    conflict.replaceChildren(
      h("p", {}, h("strong", {}, "Somebody else has changed this entry. "), theirs),
      ...(entry === undefined
        ? []
        : [h("pre", { tabindex: "0", role: "region", "aria-label": "Their value" }, pretty(json(entry.value)))]),
      h(
        "div",
        { class: "actions" },
        button("Take theirs", () => begin(entry === undefined ? "" : key.value, entry), { class: "small" }),
        button(
          "Keep mine, on top of theirs",
          () => {
            base = entry?.version
            conflict.replaceChildren()
            setText(mode, base === undefined ? "A new entry." : `Version ${number(base)} of ${clipped(key.value)}.`)
          },
          { class: "small quiet" }
        )
      )
    )
  }
  /** The stream may be behind an answer. */
  const look = async (name) => {
    try {
      const { data, headers } = await request("GET", path(name))
      entries.set(name, { key: name, value: data, version: Number(headers.get("etag").slice(1, -1)) })
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error
      entries.delete(name)
    }
  }
  const save = async () => {
    let body
    try {
      body = JSON.parse(value.value)
    } catch (error) {
      value.focus()
      throw new Error(`The value is no JSON: ${error.message}`, { cause: error })
    }
    const name = key.value
    isSaving = true
    const condition = base === undefined ? { "if-none-match": "*" } : { "if-match": `"${base}"` }
    try {
      const { data } = await request("PUT", path(name), { body, headers: condition })
      say(`${clipped(name)} is at version ${number(data.version)}.`)
      begin("", undefined)
      key.focus()
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 412) throw error
      await look(name)
      differ()
      throw new Error(`Not written: ${error.message}.`, { cause: error })
    } finally {
      isSaving = false
    }
  }
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault()
        save().catch(complain)
      }
    },
    mode,
    field("Key", key),
    field("Value", value, "Any JSON. Written only if nobody has changed the entry meanwhile."),
    conflict,
    h(
      "div",
      { class: "actions" },
      h("button", {}, "Save"),
      button("New entry", () => (begin("", undefined), key.focus()), { class: "quiet" })
    )
  )
  begin("", undefined)
  return {
    form,
    edit(name) {
      begin(name, entries.get(name))
      value.focus()
    },
    /** The stream told of an entry. */
    told(name, version) {
      if (!isSaving && base !== undefined && name === key.value && version !== base) differ()
    }
  }
}

export const show = (main, { life }) => {
  const entries = new Map()
  const state = h("p", { class: "hint", role: "status" }, "Reading…")
  const none = empty("There is no entry yet.")
  const rows = table("Entries", ["Key", "Value", { number: "Version" }, "Actions"], true)
  const remove = async (key) => {
    if (!(await confirmed("Delete this entry?", clipped(key, 300), "Delete it"))) return
    const { version } = entries.get(key) ?? {}
    await request("DELETE", path(key), { headers: version === undefined ? {} : { "if-match": `"${version}"` } })
    say(`${clipped(key)} is deleted.`)
  }
  const form = editor(entries)
  const top = head(
    "Configuration",
    "A compacted topic in the memory of every process. Renewals and imports follow their limits here at once."
  )
  const update = keyed(rows.body, ({ key }) => key, drawRow(form.edit, remove), top.querySelector("h1"))
  main.append(top, section("Entries", state, none, rows.element), section("Edit", form.form))

  let isStale = true
  /** Keys that the present stream has told of. */
  let fresh = new Set()
  const draw = () => {
    isStale = false
    const sorted = [...entries.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
    update(sorted.slice(0, mostShown))
    none.hidden = sorted.length > 0
    rows.element.hidden = sorted.length === 0
    setText(
      state,
      sorted.length > mostShown ? `Live. The first ${number(mostShown)} of ${number(sorted.length)} entries.` : "Live."
    )
    setAttribute(state, "data-live", true)
  }
  /** Many changes may come at once: drawn together. */
  const soon = () => {
    if (isStale) return
    isStale = true
    setTimeout(() => !life.signal.aborted && draw(), 50)
  }
  void followEvents(life, "/config/changes", {
    async began() {
      // The stream begins with every entry as it is, but does not say what has gone since the last one.
      fresh = new Set()
      isStale = false
      const { entries: all } = await get("/config", life.signal).catch(() => ({ entries: undefined }))
      if (all === undefined) return
      const there = new Set(all.map(({ key }) => key))
      for (const entry of all) if (!fresh.has(entry.key)) entries.set(entry.key, entry)
      for (const key of entries.keys()) if (!there.has(key) && !fresh.has(key)) entries.delete(key)
      draw()
    },
    event({ data, event }) {
      if (event !== "change") return
      const { key, version } = data
      fresh.add(key)
      if ("value" in data) entries.set(key, data)
      else entries.delete(key)
      form.told(key, version)
      soon()
    },
    broke() {
      setText(state, "The stream is broken; reconnecting…")
      setAttribute(state, "data-live", false)
    }
  })
}
