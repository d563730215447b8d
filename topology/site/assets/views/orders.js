// Stock, a checkout, and what becomes of the order in its three places. Told over the WebSocket; `/orders/{id}` is asked for the details.

import { h, setAttribute, setText } from "../dom.js"
import { clipped, number } from "../format.js"
import { channelQuery } from "../live.js"
import { button, complain, say } from "../notice.js"
import { badge, empty, field, foreign, head, section } from "../parts.js"
import { request, segment } from "../session.js"
import { makeWatchList } from "../watch-list.js"

export const title = () => "Orders"

const orders = makeWatchList({
  name: "orders",
  path: (id) => `/orders/${segment(id)}`,
  kind: "order",
  idOf: ({ orderId }) => orderId,
  isFinal: (order) =>
    (order?.invoice ?? null) !== null || (order?.state === "rejected" && order.delivery === "cancelled")
})
const stock = makeWatchList({ name: "stock", path: (sku) => `/inventory/${segment(sku)}` })

const submitting = (action) => async (event) => {
  event.preventDefault()
  try {
    await action()
  } catch (error) {
    complain(error)
  }
}

const drawStock = ({ id }) => {
  const level = h("span", { class: "level" })
  const element = h(
    "li",
    { class: "watched row" },
    h("strong", {}, foreign(id, 40)),
    level,
    button("Forget", () => stock.remove(id), { class: "small quiet", "aria-label": `Forget ${clipped(id, 40)}` })
  )
  return {
    element,
    update({ found, isKnown }) {
      setText(
        level,
        found === undefined
          ? isKnown
            ? "never set"
            : "…"
          : `${number(found.quantity)} available, ${number(found.reserved)} reserved`
      )
    }
  }
}

const step = (name) => {
  const state = badge("pending")
  return { element: h("li", {}, h("span", { class: "step" }, name), state.element), update: state.update }
}

const invoiceOf = ({ invoice, state }) => {
  if (invoice !== null) return ["confirmed", `number ${number(invoice.number)}`]
  return state === "rejected" ? ["cancelled", "none"] : ["pending", "pending"]
}

const drawOrder = ({ id }) => {
  const state = badge("pending")
  const steps = { inventory: step("Inventory"), delivery: step("Delivery"), invoice: step("Invoice") }
  const note = h("p", { class: "hint" })
  const list = h(
    "ol",
    { class: "steps" },
    Object.values(steps).map(({ element }) => element)
  )
  const element = h(
    "li",
    { class: "watched order" },
    h("h3", {}, "Order ", foreign(id, 64), " ", state.element),
    list,
    note,
    button("Forget", () => orders.remove(id), { class: "small quiet", "aria-label": `Forget order ${clipped(id, 64)}` })
  )
  return {
    element,
    update({ event, found, isKnown }) {
      list.hidden = found === undefined
      setText(note, found !== undefined ? "" : isKnown ? "Not known yet." : "Asking…")
      state.update(found?.state ?? event?.state ?? "pending")
      setAttribute(element, "data-order", found?.state)
      if (found === undefined) return
      steps.inventory.update(found.inventory)
      steps.delivery.update(found.delivery)
      steps.invoice.update(...invoiceOf(found))
    }
  }
}

const newOrderId = () => `order-${crypto.randomUUID().slice(0, 8)}`

/** One line of the checkout. */
const itemRow = (remove) => {
  const sku = h("input", { required: true, maxlength: 64, autocomplete: "off", value: "tea" })
  const quantity = h("input", { type: "number", required: true, min: 1, max: 10_000, value: 1 })
  const price = h("input", { type: "number", required: true, min: 0, max: 100_000_000, value: 350 })
  const element = h(
    "div",
    { class: "item", role: "group", "aria-label": "Item" },
    field("SKU", sku),
    field("Quantity", quantity),
    field("Price in cents", price),
    button("Remove", () => remove(element), { class: "small quiet" })
  )
  return { element, value: () => ({ sku: sku.value, quantity: quantity.valueAsNumber, price: price.valueAsNumber }) }
}

const checkoutForm = () => {
  const orderId = h("input", { required: true, maxlength: 64, autocomplete: "off", value: newOrderId() })
  const userId = h("input", { required: true, maxlength: 64, autocomplete: "off", value: "ada" })
  const rows = new Map()
  const items = h("div", { class: "items" })
  const addItem = () => {
    const row = itemRow((element) => {
      if (rows.size === 1) return
      rows.delete(element)
      element.remove()
      more.focus()
    })
    rows.set(row.element, row)
    items.append(row.element)
    return row.element
  }
  addItem()
  const more = button("Add an item", () => addItem().querySelector("input").focus(), { class: "quiet" })
  const place = async () => {
    const id = orderId.value
    const body = { orderId: id, userId: userId.value, items: [...rows.values()].map(({ value }) => value()) }
    await request("POST", `/checkouts${channelQuery()}`, { body })
    say(`Order ${clipped(id)} is placed.`)
    orders.add(id)
    for (const { sku } of body.items) stock.add(sku)
    orderId.value = newOrderId()
  }
  return h(
    "form",
    { onsubmit: submitting(place) },
    h("div", { class: "inline" }, field("Order", orderId, "The same one twice is one order."), field("User", userId)),
    items,
    h("div", { class: "actions" }, h("button", {}, "Place the order"), more)
  )
}

const stockForm = () => {
  const sku = h("input", { required: true, maxlength: 64, autocomplete: "off", value: "tea" })
  const quantity = h("input", { type: "number", required: true, min: 0, max: 1_000_000_000, value: 10 })
  const set = async () => {
    await request("PUT", `/inventory/${segment(sku.value)}`, { body: { quantity: quantity.valueAsNumber } })
    say(`${number(quantity.valueAsNumber)} of ${clipped(sku.value)} are available now.`)
    stock.add(sku.value)
  }
  return h(
    "form",
    { class: "inline", onsubmit: submitting(set) },
    field("SKU", sku),
    field("Available", quantity),
    h(
      "div",
      { class: "actions" },
      h("button", {}, "Set the stock"),
      button("Watch", () => sku.value !== "" && stock.add(sku.value), { class: "quiet" })
    )
  )
}

const findForm = () => {
  const id = h("input", { required: true, maxlength: 64, autocomplete: "off" })
  const find = () => {
    orders.add(id.value)
    id.value = ""
  }
  return h(
    "form",
    { class: "inline", onsubmit: submitting(find) },
    field("Order to watch", id),
    h("div", { class: "actions" }, h("button", { class: "quiet" }, "Watch"))
  )
}

export const show = (main, { life, named }) => {
  const top = head(
    "Orders",
    "Stock, delivery and invoice agree, whatever crashes: an event and the consumed offset commit in one transaction."
  )
  const fallback = top.querySelector("h1")
  const [stockList, orderList] = [
    h("ul", { class: "watch-list" }),
    h("ul", { class: "watch-list", "aria-live": "polite" })
  ]
  const [noStock, noOrder] = [
    empty("No SKU is watched."),
    empty("No order is watched. An address may name some: #/orders/ORDER/ORDER")
  ]
  main.append(
    top,
    h(
      "div",
      { class: "columns" },
      section("Stock", stockForm(), noStock, stockList),
      section("Checkout", checkoutForm())
    ),
    section("Watched orders", findForm(), noOrder, orderList)
  )
  orders.addNamed(named)
  stock.show(life, stockList, drawStock, { every: 2_000, fallback, none: noStock })
  orders.show(life, orderList, drawOrder, { every: 1_000, fallback, none: noOrder })
}
