/**
 * Making and changing elements. Whatever comes from the network (names, targets, header values, messages) goes in as text nodes and
 * attribute values only; nothing here, and nothing in this folder, parses markup.
 */

/**
 * `props`: functions are listeners (`onclick`), booleans set properties, everything else is an attribute; undefined and null: left out.
 * @param {string} tag
 * @param {Record<string, unknown>} [props]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const element = /** @type {any} */ (document.createElement(tag));
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (typeof value === 'boolean') element[name] = value;
    else element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(typeof child === 'number' ? String(child) : child);
  return element;
}

/** @param {string} id @returns {any} */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element #${id}`);
  return element;
}

/**
 * Changes the text of an element that holds nothing else; an unchanged text costs a comparison and no layout.
 * @param {any} element @param {string} text
 */
export function setText(element, text) {
  const node = element.firstChild;
  if (node === null) element.append(text);
  else if (node.data !== text) node.data = text;
}

/** @param {Element} element @param {string} name @param {string | null} value */
export function setAttribute(element, name, value) {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {Element} element @param {string} name @param {boolean} on */
export function setClass(element, name, on) {
  if (element.classList.contains(name) !== on) element.classList.toggle(name, on);
}

/** @param {any} element @param {boolean} shown */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

let ids = 0;
/** For `id`, `for` and `aria-describedby`. @param {string} prefix */
export const newId = (prefix) => `${prefix}-${++ids}`;

/** Whether the keyboard is inside: what is used is not moved or overwritten. @param {Element} element */
export const hasFocus = (element) => element.contains(document.activeElement);
