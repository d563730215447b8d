// The smallest builder of elements that the page needs. Text is always text: nothing here parses HTML.

const svgNamespace = "http://www.w3.org/2000/svg"

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? "" : String(value))
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false))
  return element
}

/**
 * An HTML element. Attributes that are absent, null or false are left out; `onclick` and the like are listeners.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} attributes
 * @param {...(Node | string | null | undefined | false | Array<Node | string>)} children
 */
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children)

/** The same for SVG. */
export const s = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(svgNamespace, tag), attributes, children)

/** Writes only what is new: a screen reader repeats a live region that is written again. */
export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text
}

/** Sets an attribute, or removes it where the value is absent or false. */
export const setAttribute = (element, name, value) => {
  const text = value === true ? "" : String(value)
  if (value === undefined || value === null || value === false) element.removeAttribute(name)
  else if (element.getAttribute(name) !== text) element.setAttribute(name, text)
}

const focusable = "a[href], button:not(:disabled), input, select, textarea, summary"

/**
 * Keeps the children of `parent` like a list, one element for each key: what stays keeps its element, and with it the focus. Where
 * the focused one goes, the focus moves to its neighbour, or to `fallback`.
 *
 * @template A
 * @param {Element} parent
 * @param {(item: A) => string} keyOf
 * @param {(item: A) => { element: Element, update?: (item: A) => void }} create
 * @param {HTMLElement} [fallback]
 * @returns {(items: Iterable<A>) => void}
 */
export const keyed = (parent, keyOf, create, fallback) => {
  const known = new Map()
  const drop = (key, { element }) => {
    const hadFocus = element.contains(document.activeElement)
    const neighbour = element.nextElementSibling ?? element.previousElementSibling
    element.remove()
    known.delete(key)
    if (hadFocus) (neighbour?.querySelector(focusable) ?? fallback)?.focus()
  }
  return (items) => {
    const wanted = new Map()
    for (const item of items) wanted.set(keyOf(item), item)
    for (const [key, row] of known) if (!wanted.has(key)) drop(key, row)
    let at = parent.firstElementChild
    for (const [key, item] of wanted) {
      let row = known.get(key)
      if (row === undefined) {
        row = create(item)
        known.set(key, row)
      }
      row.update?.(item)
      if (row.element === at) at = at.nextElementSibling
      else parent.insertBefore(row.element, at)
    }
  }
}

let ids = 0
/** An id for what a label or a description points at. */
export const newId = (name) => `${name}-${++ids}`
