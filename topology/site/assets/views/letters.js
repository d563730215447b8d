// The dead letters of an actor: read, replayed or given up, one or all. Read anew whenever their number changes.

import { h, keyed, setAttribute, setText } from "../dom.js"
import { clipped, number, plural, pretty } from "../format.js"
import { button, complain, confirmed, say } from "../notice.js"
import { empty, fact, foreign, head, moment, section } from "../parts.js"
import { get, request, segment } from "../session.js"
import { refresh, system } from "../system.js"

export const title = (actor) => (actor === "" ? "Dead letters" : `Dead letters of ${clipped(actor, 60)}`)

/** Few: each has three stops for who goes by the keyboard. */
const pageSize = 20

const sourceText = (source) =>
  "timer" in source
    ? `timer ${clipped(source.timer)}, due ${source.due}`
    : `${source.topic}, partition ${source.partition}, offset ${number(source.offset)}`

const drawLetter = (command, isReplayed) => (letter) => {
  const { attempts, error, failedAt, id, idempotencyKey, key, replays, source, value } = letter
  const name = key === null ? "a record without a key" : clipped(key, 60)
  const act = (label, op, attributes) =>
    button(label, () => command(letter, op), { "aria-label": `${label} ${name}, ${id}`, ...attributes })
  const time = moment(failedAt)
  const element = h(
    "li",
    { class: "letter" },
    h("h3", {}, key === null ? "(no key)" : foreign(key)),
    h("p", { class: "cause foreign" }, clipped(error, 500)),
    h(
      "p",
      { class: "quiet-text" },
      `${plural(attempts, "attempt")}, `,
      time.element,
      replays > 0 && `, replayed ${number(replays)} times`
    ),
    h(
      "details",
      {},
      h("summary", {}, "Value and origin"),
      h(
        "pre",
        { tabindex: "0", role: "region", "aria-label": `Value of ${name}` },
        value === null ? "(none)" : pretty(value)
      ),
      h(
        "dl",
        { class: "facts" },
        fact("Source", foreign(sourceText(source), 200)),
        fact("Id", id),
        fact("Idempotency key", foreign(idempotencyKey, 200))
      )
    ),
    h(
      "div",
      { class: "actions" },
      isReplayed() && act("Replay", "replay", { class: "small" }),
      act("Discard", "discard", { class: "small quiet" })
    )
  )
  return { element, update: () => time.tick() }
}

/** Every actor that may have letters, with their number. */
const chooser = (argument) => {
  const list = h("ul", { class: "chooser" })
  const draw = ({ name }) => {
    const count = h("span", { class: "count" })
    const link = h(
      "a",
      { href: `#/dead-letters/${encodeURIComponent(name)}`, "aria-current": name === argument ? "true" : undefined },
      name,
      " ",
      count
    )
    return {
      element: h("li", {}, link),
      update({ deadLetters }) {
        setText(count, number(deadLetters))
        setAttribute(count, "data-some", deadLetters > 0)
      }
    }
  }
  const update = keyed(list, ({ name }) => name, draw)
  return { element: list, update: (actors) => update(actors.filter(({ kind }) => kind !== "routes")) }
}

export const show = (main, { argument: actor, life }) => {
  const top = head("Dead letters", "What an actor has given up, with its bytes untouched. Nothing else waits for them.")
  const choice = chooser(actor)
  main.append(top, section("Actors", choice.element))
  life.add(system.follow(({ actors }) => choice.update(actors)))
  if (actor === "") return

  const base = `/dead-letters/${encodeURIComponent(actor)}`
  const list = h("ul", { class: "letters" })
  const none = empty("There are none.")
  const more = button("Show more", () => read(shown + pageSize), { class: "quiet" })
  const gone = new Set()
  /** A projection reads its topics again only when it is rebuilt. */
  const isReplayed = () => system.get()?.actors.find(({ name }) => name === actor)?.kind !== "projection"
  let [shown, letters, next] = [pageSize, [], null]

  const command = async (letter, op) => {
    if (
      op === "discard" &&
      !(await confirmed(
        "Discard this dead letter?",
        `${clipped(letter.error, 200)} It is given up for good.`,
        "Discard it"
      ))
    )
      return
    await request("POST", `${base}/${segment(letter.id)}/${op}`)
    gone.add(letter.id)
    say(op === "replay" ? "Replayed: it is handled again, behind what its key has." : "Discarded.")
    draw()
    refresh()
  }
  const update = keyed(list, ({ id }) => id, drawLetter(command, isReplayed), top.querySelector("h1"))
  const draw = () => {
    const open = letters.filter(({ id }) => !gone.has(id))
    update(open)
    none.hidden = open.length > 0
    more.hidden = next === null
    all.hidden = open.length === 0
    again.hidden = !isReplayed()
  }
  /** Some pages, up to a number of letters. */
  const read = async (most) => {
    const found = []
    let after = null
    do {
      const limit = Math.min(pageSize, most - found.length)
      const query = after === null ? "" : `&after=${encodeURIComponent(after)}`
      const page = await get(`${base}?limit=${limit}${query}`, life.signal)
      found.push(...page.letters)
      after = page.next
    } while (after !== null && found.length < most)
    ;[shown, letters, next] = [most, found, after]
    draw()
  }
  const replayAll = async () => {
    if (!(await confirmed("Replay all?", `Every dead letter of ${actor} that may be is handled again.`, "Replay all")))
      return
    const { data } = await request("POST", `${base}/replay`)
    say(`${plural(data.replayed, "letter")} replayed${data.refused > 0 ? `, ${number(data.refused)} refused` : ""}.`)
    refresh()
    await read(pageSize)
  }
  /** A page at a time: those that came meanwhile are given up too, and it ends when none is left. */
  const discardAll = async () => {
    if (!(await confirmed("Discard all?", `Every dead letter of ${actor} is given up for good.`, "Discard all"))) return
    let discarded = 0
    for (let after = null, isFirst = true; isFirst || after !== null; isFirst = false) {
      const query = after === null ? "" : `&after=${encodeURIComponent(after)}`
      const page = await get(`${base}?limit=200${query}`, life.signal)
      for (const { id } of page.letters) {
        await request("POST", `${base}/${segment(id)}/discard`, { signal: life.signal })
        gone.add(id)
        discarded++
      }
      after = page.next
      say(`${plural(discarded, "letter")} discarded${after === null ? "." : "…"}`)
    }
    draw()
    refresh()
  }
  const again = button("Replay all", replayAll)
  const all = h("div", { class: "actions" }, again, button("Discard all", discardAll, { class: "danger" }))
  main.append(section(`Of ${clipped(actor, 60)}`, all, none, list, more))
  draw()

  let known
  life.add(
    system.follow(({ actors }) => {
      const count = actors.find(({ name }) => name === actor)?.deadLetters
      if (count === known) return
      known = count
      read(Math.max(shown, pageSize)).catch(complain)
    })
  )
}
