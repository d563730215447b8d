import { openChannel } from "./channel.js"

const element = (id) => document.getElementById(id)
const bar = element("bar")
const start = element("start")
const cancel = element("cancel")
const logLines = 200

/** The access token: in memory only, asked for when the server wants one. */
let token
let channel
let importId
/** Rows counted at the last line of the log. */
let logged = 0
/** The newest status of each import since the upload began: it may come before the answer that names the import. */
const newest = new Map()

const number = (n) => n.toLocaleString()

const log = (line) => {
  const item = document.createElement("li")
  item.textContent = `${new Date().toLocaleTimeString()}  ${line}`
  element("log").append(item)
  while (element("log").childElementCount > logLines) element("log").firstElementChild.remove()
  element("log").scrollTop = element("log").scrollHeight
}
const phase = (text) => {
  element("phase").textContent = text
}
const running = (isRunning) => {
  start.disabled = isRunning || channel === undefined
  element("file").disabled = isRunning
  cancel.hidden = !isRunning || importId === undefined
}
const authorized = () => (token === undefined ? {} : { authorization: `Bearer ${token}` })

const askForToken = () => {
  element("access").hidden = false
  element("token").focus()
}

const showResult = ({ rows, state }) => {
  element("state").textContent = state
  element("total").textContent = rows.total === null ? "unknown" : number(rows.total)
  for (const count of ["imported", "rejected", "failed"]) element(count).textContent = number(rows[count])
  element("rejects").hidden = rows.rejected === 0
  element("result").hidden = false
  element("result-heading").focus()
}

const isOver = (state) => state !== "accepted" && state !== "running"

const received = (event) => {
  if (event.kind !== "import") return
  newest.set(event.importId, event)
  if (event.importId === importId) showStatus(event)
}

const showStatus = (event) => {
  const { rows, state } = event
  const counted = rows.imported + rows.rejected + rows.failed
  const total = rows.total ?? 0
  if (total > 0) bar.value = counted / total
  else if (isOver(state)) bar.value = 1
  phase(`${number(counted)} of ${rows.total === null ? "…" : number(rows.total)} rows`)
  if (isOver(state) || counted - logged >= total / 20) {
    log(`${state}: ${number(rows.imported)} imported, ${number(rows.rejected)} rejected, ${number(rows.failed)} failed`)
    logged = counted
  }
  if (isOver(state)) {
    showResult(event)
    running(false)
  }
}

/** XMLHttpRequest, because fetch does not tell how much has been sent. */
const send = (file) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open("POST", `/imports?channel=${encodeURIComponent(channel)}`)
    request.setRequestHeader("content-type", "text/csv")
    for (const [name, value] of Object.entries(authorized())) request.setRequestHeader(name, value)
    request.responseType = "json"
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = total === 0 ? 0 : loaded / total
      phase(`Uploading: ${Math.floor((100 * loaded) / Math.max(total, 1))} %`)
    })
    request.addEventListener("load", () => resolve({ status: request.status, answer: request.response }))
    request.addEventListener("error", () => reject(new Error("the upload broke off; nothing was imported")))
    request.send(file)
  })

const failed = (message) => {
  log(message)
  phase(message)
  bar.value = 0
  running(false)
}

element("upload").addEventListener("submit", async (event) => {
  event.preventDefault()
  const file = element("file").files[0]
  if (file === undefined || channel === undefined) return
  importId = undefined
  logged = 0
  newest.clear()
  element("result").hidden = true
  running(true)
  log(`Uploading ${file.name} (${number(file.size)} bytes)`)
  try {
    const { answer, status } = await send(file)
    if (status === 202) {
      importId = answer.importId
      log(`Accepted as ${importId}`)
      running(true)
      if (newest.has(importId)) showStatus(newest.get(importId))
    } else {
      failed(answer?.message ?? `The server answered ${status}`)
    }
  } catch (error) {
    failed(error.message)
  }
})

cancel.addEventListener("click", async () => {
  cancel.disabled = true
  const response = await fetch(`/imports/${importId}`, { method: "DELETE", headers: authorized() })
  cancel.disabled = false
  log(response.ok ? "Cancelling; what has begun is finished first" : `Cancel: the server answered ${response.status}`)
})

element("rejects").addEventListener("click", async () => {
  const response = await fetch(`/imports/${importId}/rejects`, { headers: authorized() })
  if (!response.ok) return log(`Rejected rows: the server answered ${response.status}`)
  const link = document.createElement("a")
  link.href = URL.createObjectURL(await response.blob())
  link.download = `rejected-${importId}.csv`
  link.click()
  URL.revokeObjectURL(link.href)
})

const connect = () =>
  openChannel(() => token, {
    status: received,
    connected: (id) => {
      channel = id
      element("connection").textContent = "Connected."
      if (importId === undefined) running(false)
    },
    disconnected: () => {
      element("connection").textContent = "Connection lost; reconnecting…"
    }
  })

/** A browser cannot see why a WebSocket is refused: a plain route tells whether the token will do. */
const begin = async () => {
  const response = await fetch("/contacts?limit=1", { headers: authorized() })
  if (response.status !== 401) return connect()
  element("connection").textContent = token === undefined ? "An access token is needed." : "That token was refused."
  askForToken()
}

element("access").addEventListener("submit", async (event) => {
  event.preventDefault()
  token = element("token").value
  element("token").value = ""
  element("access").hidden = true
  await begin()
})

await begin()
