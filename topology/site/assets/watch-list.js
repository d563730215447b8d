// Things of one kind that this page watches, newest first: looked up again while they may change, and whenever a status tells of them.

import { keyed } from "./dom.js"
import { isText, makeKept } from "./kept.js"
import { onStatus } from "./live.js"
import { complain } from "./notice.js"
import { poll } from "./poll.js"
import { find } from "./session.js"

/** More would be asked for too often. */
const mostWatched = 12
/** Longer ones are nothing's name. */
const longestId = 1_024

/**
 * @param {{
 *   name: string,
 *   path: (id: string) => string,
 *   kind?: string,
 *   idOf?: (event: object) => string,
 *   isFinal?: (found: object | undefined) => boolean
 * }} of under what name they are kept over a reload, what is asked for, and which status events mean that it has changed
 */
export const makeWatchList = ({ idOf, isFinal = () => false, kind, name, path }) => {
  const kept = makeKept(name, (value) => Array.isArray(value) && value.every(isText))
  /** The ids, and what was found last: `{ id, found, isKnown, event }`. Kept while other views are looked at. */
  let items = (kept.read() ?? []).slice(0, mostWatched).map((id) => ({ id, isKnown: false }))
  let redraw = () => undefined
  const dirty = new Set()
  let again = () => undefined
  const put = (id, change) => {
    items = items.map((item) => (item.id === id ? { ...item, ...change } : item))
    redraw()
  }
  if (kind !== undefined) {
    onStatus(kind, (event) => {
      put(idOf(event), { event })
      dirty.add(idOf(event))
      again()
    })
  }
  const look = async (signal) => {
    const asked = items.filter(({ found, id, isKnown }) => !isKnown || dirty.has(id) || !isFinal(found))
    dirty.clear()
    await Promise.all(asked.map(async ({ id }) => put(id, { found: await find(path(id), signal), isKnown: true })))
  }
  const set = (next) => {
    items = next
    kept.write(items.map(({ id }) => id))
    redraw()
  }
  const add = (id) => {
    const before = items.find((item) => item.id === id)
    dirty.add(id)
    set([before ?? { id, isKnown: false }, ...items.filter((item) => item !== before)].slice(0, mostWatched))
    again()
  }
  return {
    /** Watches another one, at once. */
    add,
    /** Those that the address names, in its order. */
    addNamed: (ids) =>
      ids
        .filter(({ length }) => length > 0 && length <= longestId)
        .toReversed()
        .forEach(add),
    remove: (id) => set(items.filter((item) => item.id !== id)),
    /** Shows the list in a view. */
    show(life, parent, create, { every, fallback, none }) {
      const update = keyed(parent, ({ id }) => id, create, fallback)
      redraw = () => {
        update(items)
        none.hidden = items.length > 0
      }
      // That the server is away is told at the top.
      const failed = (error) => error.status !== 0 && complain(error)
      again = poll(life, every, look, () => undefined, failed)
      life.add(() => {
        redraw = again = () => undefined
      })
      redraw()
    }
  }
}
