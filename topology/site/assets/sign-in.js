// Asking for the token of a server that wants one. It stays in memory: a reload asks again.

import { h } from "./dom.js"
import { field, head } from "./parts.js"
import { useToken } from "./session.js"

/**
 * @param {HTMLElement} main
 * @param {"needed" | "refused"} why
 * @param {() => void} begin goes on with the token
 */
export const signIn = (main, why, begin) => {
  const input = h("input", { type: "password", autocomplete: "off", required: true, spellcheck: "false" })
  const form = h(
    "form",
    {
      class: "card narrow",
      onsubmit: (event) => {
        event.preventDefault()
        useToken(input.value)
        input.value = ""
        begin()
      }
    },
    why === "refused" && h("p", { class: "error", role: "alert" }, "That token was refused."),
    field("Access token", input, "Kept in this page's memory only; a reload asks again."),
    h("div", { class: "actions" }, h("button", {}, "Use token"))
  )
  main.append(head("An access token is needed", "This server was started with --token-file."), form)
  input.focus()
}
