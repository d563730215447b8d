// What came of the last thing that was done, and questions before what cannot be undone.

import { h, newId, setText } from "./dom.js"

const text = h("p", { class: "notice-text" })
const close = h("button", { type: "button", class: "quiet small", onclick: () => hide() }, "Dismiss")
// The region is always there, or a screen reader would not notice what comes into it.
const region = h("div", { class: "notice-text-region", role: "status" }, text)

/** The place of the notices; put into the page once. */
export const notices = h("div", { class: "notice", hidden: true }, region, close)

const shownFor = 12_000
let timer

/** Takes it away: it belonged to another view. */
export const hide = () => {
  clearTimeout(timer)
  notices.hidden = true
  setText(text, "")
}

const show = (message, isError) => {
  clearTimeout(timer)
  notices.hidden = false
  notices.classList.toggle("bad", isError)
  setText(text, message)
  // An error stays until it is dismissed.
  if (!isError) timer = setTimeout(hide, shownFor)
}

export const say = (message) => show(message, false)

/** Tells an error. What a view's end has cut short is none; a token that is asked for is seen. */
export const complain = (error) => {
  if (error.name === "AbortError" || error.status === 401) return
  show(error.message, true)
}

/** Runs what a button does, with the button out of order meanwhile. Errors are told. */
export const doing = (button, action) => async () => {
  button.disabled = true
  try {
    await action()
  } catch (error) {
    complain(error)
  } finally {
    button.disabled = false
    // A disabled button loses the focus.
    if (document.activeElement === document.body && button.isConnected) button.focus()
  }
}

/** A button that does something. */
export const button = (label, action, attributes = {}) => {
  const element = h("button", { type: "button", ...attributes }, label)
  element.addEventListener("click", doing(element, action))
  return element
}

/** Asks first. Escape is a no. @returns {Promise<boolean>} */
export const confirmed = (title, explanation, yes) =>
  new Promise((resolve) => {
    const [heading, description] = [newId("question"), newId("question")]
    const dialog = h(
      "dialog",
      { "aria-labelledby": heading, "aria-describedby": description },
      h("h2", { id: heading }, title),
      h("p", { id: description, class: "foreign" }, explanation),
      h(
        "form",
        { method: "dialog", class: "actions" },
        h("button", { value: "yes", class: "danger" }, yes),
        h("button", { value: "no", class: "quiet" }, "Keep")
      )
    )
    const before = document.activeElement
    dialog.addEventListener("close", () => {
      dialog.remove()
      before?.focus?.()
      resolve(dialog.returnValue === "yes")
    })
    document.body.append(dialog)
    dialog.showModal()
  })
