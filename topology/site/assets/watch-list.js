// Things of one kind that this page watches, newest first: looked up again while they may change, and whenever a status tells of them.

import { keyed } from "./dom.js"
import { onStatus } from "./live.js"
import { complain } from "./notice.js"
import { poll } from "./poll.js"
import { find } from "./session.js"

/** More would be asked for too often. */
const mostWatched = 12

/**
 * @param {{
 *   path: (id: string) => string,
 *   kind?: string,
 *   idOf?: (event: object) => string,
 *   isFinal?: (found: object | undefined) => boolean
 * }} of what is asked for, and which status events mean that it has changed
 */
export const makeWatchList = ({ idOf, isFinal = () => false, kind, path }) => {
  /** The ids, and what was found last: `{ id, found, isKnown, event }`. Kept while other views are looked at. */
  let items = []
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
  return {
    /** Watches another one, at once. */
    add(id) {
      const before = items.find((item) => item.id === id)
      items = [before ?? { id, isKnown: false }, ...items.filter((item) => item !== before)].slice(0, mostWatched)
      dirty.add(id)
      redraw()
      again()
    },
    remove(id) {
      items = items.filter((item) => item.id !== id)
      redraw()
    },
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
