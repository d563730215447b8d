// An import of contacts, followed over the WebSocket from the upload to its end.

import { h, setText } from "../dom.js"
import { clipped, number } from "../format.js"
import { isText, makeKept } from "../kept.js"
import { channel, channelQuery, onStatus } from "../live.js"
import { button, complain, say } from "../notice.js"
import { empty, fact, field, head, section } from "../parts.js"
import { authorization, find, open, request, segment } from "../session.js"

export const title = () => "Import"

const logLines = 200
const isOver = (state) => state !== "accepted" && state !== "running"

/** The newest import of this tab. Its progress comes again over the channel, which goes on as well. */
const kept = makeKept("import", isText)

/**
 * The import under way goes on while another view is looked at, and over a reload.
 *
 * @type {{ id?: string, newest?: any, upload?: number, logged: number, lines: Array<{ text: string, at: string }> }}
 */
const now = { id: kept.read(), newest: undefined, upload: undefined, logged: 0, lines: [] }
const listeners = new Set()
const changed = () => listeners.forEach((listener) => listener())

const note = (text) => {
  now.lines.push({ text, at: new Date().toLocaleTimeString("en", { hour12: false }) })
  now.lines.splice(0, now.lines.length - logLines)
}

/** The newest status of each import since the upload began: it may come before the answer that names the import. */
const early = new Map()

const received = (event) => {
  if (now.upload !== undefined) early.set(event.importId, event)
  if (event.importId !== now.id) return
  now.newest = event
  const { rows, state } = event
  const counted = rows.imported + rows.rejected + rows.failed
  if (isOver(state) || counted - now.logged >= (rows.total ?? 0) / 20) {
    const text = `${state}: ${number(rows.imported)} imported, ${number(rows.rejected)} rejected, ${number(rows.failed)} failed`
    // The end may be told twice: over the channel, and in answer to a question.
    if (now.lines.at(-1)?.text !== text) note(text)
    now.logged = counted
  }
  changed()
}
onStatus("import", received)
if (now.id !== undefined) note(`Going on with ${now.id}`)

/** What is known of an import whose channel could not be followed any more. */
const lookUp = async (signal) => {
  const { id } = now
  if (id === undefined || now.newest !== undefined) return
  const found = await find(`/imports/${segment(id)}`, signal)
  if (found !== undefined && now.id === id && now.newest === undefined) received({ importId: id, ...found })
}

/** So long an upload may get nowhere, or the answer to it stay away, in milliseconds. The server gives a silent body half of it. */
const patience = 60_000

/** XMLHttpRequest, because fetch does not tell how much has been sent. */
const send = (file, sent) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest()
    let timer
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(() => xhr.abort(), patience)
    }
    // A browser does not say how far it got: the answer may have been lost, not the file.
    const lost = () =>
      reject(new Error("The connection broke off: nothing is imported, unless all of the file had arrived"))
    xhr.open("POST", `/imports${channelQuery()}`)
    xhr.setRequestHeader("content-type", "text/csv")
    for (const [name, value] of Object.entries(authorization())) xhr.setRequestHeader(name, value)
    xhr.responseType = "json"
    xhr.upload.addEventListener("progress", ({ loaded, total }) => {
      wait()
      sent(total === 0 ? 0 : loaded / total)
    })
    xhr.addEventListener("load", () => resolve({ status: xhr.status, answer: xhr.response }))
    xhr.addEventListener("error", lost)
    xhr.addEventListener("abort", lost)
    xhr.addEventListener("loadend", () => clearTimeout(timer))
    wait()
    xhr.send(file)
  })

const upload = async (file) => {
  Object.assign(now, { id: undefined, newest: undefined, upload: 0, logged: 0 })
  early.clear()
  note(`Uploading ${clipped(file.name)} (${number(file.size)} bytes)`)
  changed()
  try {
    const { answer, status } = await send(file, (part) => {
      now.upload = part
      changed()
    })
    if (status !== 202) throw new Error(answer?.message ?? `The server answered ${status}`)
    now.id = answer.importId
    kept.write(now.id)
    note(`Accepted as ${now.id}`)
    if (early.has(now.id)) received(early.get(now.id))
  } catch (error) {
    note(error.message)
    complain(error)
  } finally {
    now.upload = undefined
    changed()
  }
}

const cancel = async () => {
  await request("DELETE", `/imports/${now.id}`)
  note("Cancelling; what has begun is finished first")
  changed()
}

const download = async () => {
  const response = await open(`/imports/${now.id}/rejects`)
  const link = h("a", { href: URL.createObjectURL(await response.blob()), download: `rejected-${now.id}.csv` })
  link.click()
  URL.revokeObjectURL(link.href)
  say("The rejected rows are downloaded.")
}

const phase = () => {
  if (now.upload !== undefined)
    return { text: `Uploading: ${number(Math.floor(100 * now.upload))} %`, part: now.upload }
  if (now.newest === undefined) return { text: now.id === undefined ? "No import yet." : "Accepted.", part: 0 }
  const { rows, state } = now.newest
  const counted = rows.imported + rows.rejected + rows.failed
  const part = (rows.total ?? 0) > 0 ? counted / rows.total : isOver(state) ? 1 : 0
  return { text: `${state}: ${number(counted)} of ${rows.total === null ? "…" : number(rows.total)} rows`, part }
}

export const show = (main, { life }) => {
  const file = h("input", { type: "file", accept: ".csv,text/csv", required: true })
  const start = h("button", {}, "Import")
  const stop = button("Cancel import", cancel, { class: "quiet" })
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault()
        if (file.files[0] !== undefined && channel.get() !== undefined) void upload(file.files[0])
      }
    },
    field(
      "CSV file",
      file,
      "An export of Google Contacts or Outlook, or any list with a header and an e-mail column; up to 256 MiB."
    ),
    h("div", { class: "actions" }, start, stop)
  )
  const told = h("p", { class: "phase" })
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Progress of the import" })
  const counts = new Map(["Imported", "Rejected", "Failed"].map((term) => [term, h("span", {})]))
  const facts = h(
    "dl",
    { class: "facts" },
    [...counts].map(([term, value]) => fact(term, value))
  )
  const rejects = button("Download the rejected rows", download, { class: "quiet" })
  const outcome = h("p", { role: "status", class: "outcome" })
  const lines = h("ol")
  const log = h("div", { class: "log", role: "log", "aria-label": "Log of the import", tabindex: "0" }, lines)
  const none = empty("What happens is written here.")
  main.append(
    head(
      "Import contacts",
      "One file becomes many small jobs. Every step comes over the WebSocket, also after a lost connection."
    ),
    section("File", form),
    section("Progress", bar, told, facts, outcome, h("div", { class: "actions" }, rejects)),
    section("Log", none, log)
  )

  let drawn = []
  const drawLog = () => {
    const fresh = now.lines.filter((line) => !drawn.includes(line))
    for (const { at, text } of fresh) lines.append(h("li", {}, h("time", {}, at), " ", text))
    while (lines.childElementCount > now.lines.length) lines.firstElementChild.remove()
    drawn = [...now.lines]
    none.hidden = drawn.length > 0
    log.hidden = drawn.length === 0
    if (fresh.length > 0) log.scrollTop = log.scrollHeight
  }
  const draw = () => {
    const { part, text } = phase()
    const { rows, state } = now.newest ?? {}
    const isRunning = now.upload !== undefined || (now.id !== undefined && !isOver(state ?? "accepted"))
    start.disabled = file.disabled = isRunning || channel.get() === undefined
    stop.hidden = !isRunning || now.id === undefined
    bar.value = part
    setText(told, text)
    facts.hidden = rows === undefined
    for (const [term, value] of counts) setText(value, rows === undefined ? "" : number(rows[term.toLowerCase()]))
    rejects.hidden = rows === undefined || !isOver(state) || rows.rejected === 0
    setText(outcome, state !== undefined && isOver(state) ? `The import has ended: ${state}.` : "")
    drawLog()
  }
  listeners.add(draw)
  life.add(() => listeners.delete(draw))
  life.add(channel.follow(draw))
  draw()
  lookUp(life.signal).catch(complain)
}
