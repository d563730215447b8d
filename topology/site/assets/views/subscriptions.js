// Subscriptions: their terms, when they are due next, and how the last charges went. Told over the WebSocket and asked for every two seconds.

import { h, keyed, setText } from "../dom.js"
import { clipped, money } from "../format.js"
import { channelQuery } from "../live.js"
import { button, complain, confirmed, say } from "../notice.js"
import { badge, empty, fact, field, foreign, head, moment, section, table } from "../parts.js"
import { request, segment } from "../session.js"
import { makeWatchList } from "../watch-list.js"

export const title = () => "Subscriptions"

const path = (userId) => `/subscriptions/${segment(userId)}`
const subscriptions = makeWatchList({ name: "subscriptions", path, kind: "renewal", idOf: ({ userId }) => userId })

const renewText = ({ cron, every, from, timezone }) =>
  [cron === undefined ? `every ${every}` : `cron ${cron}`, from && `from ${from}`, timezone && `in ${timezone}`]
    .filter(Boolean)
    .join(", ")

const drawCharge = () => {
  const state = badge("charged")
  const [due, attempts] = [h("td", {}), h("td", { class: "number" })]
  let time
  return {
    element: h("tr", {}, due, h("td", {}, state.element), attempts),
    update(charge) {
      if (time === undefined) due.append((time = moment(charge.due)).element)
      time.tick()
      state.update(charge.state)
      setText(attempts, String(charge.attempts))
    }
  }
}

const newest = 5

const draw = ({ id }) => {
  const [terms, due, note] = [h("span", { class: "foreign" }), h("span", { class: "due" }), h("p", { class: "hint" })]
  const charges = table(`Last charges of ${clipped(id, 40)}`, ["Due", "State", { number: "Attempts" }])
  const updateCharges = keyed(charges.body, ({ due }) => due, drawCharge)
  const none = empty("Nothing has been charged yet.")
  const facts = h("dl", { class: "facts" }, fact("Terms", terms), fact("Next due", due))
  const cancel = button(
    "Cancel the subscription",
    async () => {
      if (!(await confirmed("Cancel this subscription?", `${clipped(id, 200)} is not charged any more.`, "Cancel it")))
        return
      await request("DELETE", path(id))
      say(`The subscription of ${clipped(id)} is being cancelled.`)
      subscriptions.add(id)
    },
    { class: "small danger", "aria-label": `Cancel the subscription of ${clipped(id, 60)}` }
  )
  const details = h("div", {}, facts, none, charges.element)
  const forget = button("Forget", () => subscriptions.remove(id), {
    class: "small quiet",
    "aria-label": `Forget ${clipped(id, 60)}`
  })
  const element = h(
    "li",
    { class: "watched" },
    h("h3", {}, foreign(id, 64)),
    note,
    details,
    h("div", { class: "actions" }, cancel, forget)
  )
  let time
  return {
    element,
    update({ found, isKnown }) {
      details.hidden = cancel.hidden = found === undefined
      setText(note, found !== undefined ? "" : isKnown ? "No subscription is known (yet, or any more)." : "Asking…")
      if (found === undefined) return
      setText(terms, clipped(`${found.plan}: ${money(found.amount, found.currency)} ${renewText(found.renew)}`, 300))
      if (found.next === null) due.replaceChildren("never")
      else if (time === undefined || due.firstChild !== time.element)
        due.replaceChildren((time = moment(found.next)).element)
      else time.tick(found.next)
      const last = found.charges.slice(-newest).toReversed()
      updateCharges(last)
      charges.element.hidden = last.length === 0
      none.hidden = last.length > 0
    },
    tick: () => time?.tick()
  }
}

/** "1 month" or a cron line. */
const renewal = () => {
  const kind = h("select", {}, h("option", { value: "every" }, "Every"), h("option", { value: "cron" }, "By cron"))
  const value = h("input", { required: true, autocomplete: "off", value: "30 days" })
  const from = h("input", { autocomplete: "off", placeholder: "2026-01-31" })
  const timezone = h("input", { autocomplete: "off", placeholder: "Europe/Berlin" })
  const fromField = field("From", from)
  kind.addEventListener("change", () => {
    const isCron = kind.value === "cron"
    value.value = isCron ? "0 3 1 * *" : "30 days"
    fromField.hidden = isCron
    timezone.required = isCron
  })
  const given = (name, input) => (input.value.trim() === "" ? {} : { [name]: input.value.trim() })
  return {
    element: h(
      "fieldset",
      { class: "inline" },
      h("legend", {}, "Renewal"),
      field("Kind", kind),
      field("Interval or cron", value, "2 seconds, 30 days, 3 months; or 0 3 1 * *"),
      fromField,
      field("Time zone", timezone)
    ),
    value: () =>
      kind.value === "cron"
        ? { cron: value.value, ...given("timezone", timezone) }
        : { every: value.value, ...given("from", from), ...given("timezone", timezone) }
  }
}

const subscribeForm = () => {
  const userId = h("input", { required: true, maxlength: 256, autocomplete: "off", value: "ada" })
  const plan = h("input", { required: true, maxlength: 200, autocomplete: "off", value: "pro" })
  const amount = h("input", { type: "number", required: true, min: 1, max: Number.MAX_SAFE_INTEGER, value: 900 })
  const currency = h("input", { required: true, pattern: "[A-Z]{3}", maxlength: 3, autocomplete: "off", value: "EUR" })
  const renew = renewal()
  const subscribe = async () => {
    const body = { plan: plan.value, amount: amount.valueAsNumber, currency: currency.value, renew: renew.value() }
    await request("PUT", `${path(userId.value)}${channelQuery()}`, { body })
    say(`${clipped(userId.value)} subscribes. The terms hold from the next due time on.`)
    subscriptions.add(userId.value)
  }
  return h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault()
        subscribe().catch(complain)
      }
    },
    h(
      "div",
      { class: "inline" },
      field("User", userId),
      field("Plan", plan),
      field("Amount in cents", amount),
      field("Currency", currency)
    ),
    renew.element,
    h(
      "div",
      { class: "actions" },
      h("button", {}, "Subscribe"),
      button("Watch", () => userId.value !== "" && subscriptions.add(userId.value), { class: "quiet" })
    )
  )
}

export const show = (main, { life, named }) => {
  const top = head(
    "Subscriptions",
    "Charged at each due time, once. Nobody polls for what is due, and nothing is lost over a restart."
  )
  const list = h("ul", { class: "watch-list" })
  const none = empty("No subscription is watched. An address may name users: #/subscriptions/ada/grace")
  main.append(top, section("Subscribe", subscribeForm()), section("Watched subscriptions", none, list))
  subscriptions.addNamed(named)
  const drawn = new Set()
  const create = (item) => {
    const row = draw(item)
    drawn.add(row)
    return row
  }
  subscriptions.show(life, list, create, { every: 2_000, fallback: top.querySelector("h1"), none })
  life.every(1_000, () => drawn.forEach(({ tick }) => tick()))
}
