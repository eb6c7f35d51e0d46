/**
 * A table whose rows stay: each row is made once and its cells are changed in place, and only rows in sight are. Sorting and filtering
 * move rows; while the pointer or the keyboard is in the table nothing moves by itself. Narrow screens get cards (style.css).
 */
import { el, hasFocus, newId, setAttribute, show } from './dom.js';

/** Rows are in the page up to this number, then more on demand. */
const PAGE = 250;
/** Rows sorted by a number that changes move no more often than this. */
const RESORT_MS = 4000;

/**
 * @template R
 * @typedef {{ label: string, title?: string, class?: string, cell: (cell: HTMLElement, row: R) => (row: R) => void, sort?: (row: R) => string | number | null, descending?: boolean }} TableColumn
 */

/** @template R */
export class RowTable {
  element;
  #columns;
  #keyOf;
  #nameOf;
  #detail;
  #body;
  #more;
  #headers;
  #sortSelect;
  #empty;
  /** @type {Map<string, { element: any, row: R, updates: ((row: R) => void)[], inSight: boolean, dirty: boolean, detail: any }>} */
  #rows = new Map();
  #byElement = new WeakMap();
  #observer;
  #sortBy = -1;
  #descending = false;
  #sortedAt = 0;
  #limit = PAGE;
  #pointerInside = false;
  /** @type {R[]} */
  #last = [];

  /**
   * @param {{ caption: string, columns: TableColumn<R>[], keyOf: (row: R) => string, nameOf?: (row: R) => string, empty?: string, sortBy?: number, detail?: (row: R) => { element: HTMLElement, update: (row: R) => void } }} options
   *   `nameOf`: for screen readers; default: the key · `detail`: what a row shows below itself when it is opened
   */
  constructor({ caption, columns, keyOf, nameOf = keyOf, empty = 'nothing here', sortBy = -1, detail }) {
    this.#columns = columns;
    this.#keyOf = keyOf;
    this.#nameOf = nameOf;
    this.#detail = detail;
    this.#sortBy = sortBy;
    this.#descending = columns[sortBy]?.descending ?? false;
    this.#headers = columns.map((column, index) => this.#header(column, index));
    this.#body = el('tbody', { role: 'rowgroup' });
    this.#empty = el('p', { class: 'empty', hidden: true }, empty);
    this.#more = el('button', { type: 'button', class: 'more', hidden: true, onclick: () => this.#showMore() });
    const selectId = newId('sort');
    this.#sortSelect = el('select', { id: selectId, onchange: () => this.#sortOn(Number(this.#sortSelect.value)) }, el('option', { value: -1 }, 'as configured'), ...columns.flatMap(({ label, sort }, index) => (sort === undefined ? [] : [el('option', { value: index }, label)])));
    this.#sortSelect.value = String(sortBy);
    this.element = el(
      'div',
      { class: 'table', onpointerenter: () => (this.#pointerInside = true), onpointerleave: () => (this.#pointerInside = false) },
      el('div', { class: 'sort-by' }, el('label', { for: selectId }, 'Sort by '), this.#sortSelect),
      el('table', { role: 'table' }, el('caption', { class: 'unseen' }, caption), el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...this.#headers, detail && el('th', { role: 'columnheader', class: 'open' }, el('span', { class: 'unseen' }, 'Details')))), this.#body),
      this.#empty,
      this.#more,
    );
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: '300px' });
    this.#markSorted();
  }

  /** @param {R[]} rows */
  update(rows) {
    this.#last = rows;
    const sorted = this.#sorted(rows);
    const shown = sorted.slice(0, this.#limit);
    const wanted = new Set();
    for (const row of shown) {
      const key = this.#keyOf(row);
      wanted.add(key);
      const entry = this.#rows.get(key) ?? this.#add(key, row);
      entry.row = row;
      entry.dirty = true;
      if (entry.inSight) this.#refresh(entry);
    }
    for (const [key, entry] of this.#rows) {
      if (wanted.has(key)) continue;
      this.#observer.unobserve(entry.element);
      entry.element.remove();
      entry.detail?.holder.remove();
      this.#rows.delete(key);
    }
    this.#place(shown);
    show(this.#empty, rows.length === 0);
    show(this.#more, sorted.length > shown.length);
    if (sorted.length > shown.length) this.#more.textContent = `Show ${Math.min(PAGE, sorted.length - shown.length)} more of ${sorted.length - shown.length}`;
  }

  /** Whether rows may move now: nobody is about to click, or types. */
  get #atRest() {
    return !this.#pointerInside && !hasFocus(this.#body);
  }

  /** @param {R[]} rows */
  #sorted(rows) {
    const sort = this.#columns[this.#sortBy]?.sort;
    if (sort === undefined) return rows;
    const now = performance.now();
    if (this.#sortedAt !== 0 && (now - this.#sortedAt < RESORT_MS || !this.#atRest)) {
      // In the order of the last time, new ones at the end.
      const order = new Map([...this.#rows.keys()].map((key, index) => [key, index]));
      const place = (/** @type {R} */ row) => order.get(this.#keyOf(row)) ?? Infinity;
      return [...rows].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
    }
    this.#sortedAt = now;
    const sign = this.#descending ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [sort(a), sort(b)];
      if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
      return sign * (typeof x === 'string' ? x.localeCompare(String(y), 'en', { numeric: true }) : x - Number(y));
    });
  }

  /** @param {string} key @param {R} row */
  #add(key, row) {
    const element = el('tr', { role: 'row' });
    const updates = this.#columns.map(({ label, class: name, cell }) => {
      const td = el('td', { role: 'cell', 'data-label': label, class: name });
      element.append(td);
      return cell(td, row);
    });
    const entry = { element, row, updates, inSight: false, dirty: true, detail: /** @type {any} */ (null) };
    if (this.#detail !== undefined) {
      const button = el('button', { type: 'button', class: 'disclose', 'aria-expanded': 'false', 'aria-label': `Details of ${this.#nameOf(row)}`, onclick: () => this.#toggle(entry, button) });
      element.append(el('td', { role: 'cell', class: 'open' }, button));
    }
    this.#rows.set(key, entry);
    this.#byElement.set(element, entry);
    this.#observer.observe(element);
    return entry;
  }

  /** @param {any} entry @param {HTMLElement} button */
  #toggle(entry, button) {
    if (entry.detail === null) {
      const shown = /** @type {any} */ (this.#detail)(entry.row);
      const holder = el('tr', { role: 'row', class: 'detail' }, el('td', { role: 'cell', colspan: this.#columns.length + 1 }, shown.element));
      entry.detail = { holder, shown };
      entry.element.after(holder);
      shown.update(entry.row);
    } else {
      entry.detail.holder.remove();
      entry.detail = null;
    }
    button.setAttribute('aria-expanded', String(entry.detail !== null));
  }

  /** @param {any} entry */
  #refresh(entry) {
    entry.dirty = false;
    for (const update of entry.updates) update(entry.row);
    entry.detail?.shown.update(entry.row);
  }

  /** Puts the rows into this order; those that are in place are not touched. @param {R[]} rows */
  #place(rows) {
    let at = this.#body.firstElementChild;
    const ordered = new Map();
    for (const row of rows) {
      const key = this.#keyOf(row);
      const entry = /** @type {any} */ (this.#rows.get(key));
      ordered.set(key, entry);
      for (const element of entry.detail === null ? [entry.element] : [entry.element, entry.detail.holder]) {
        if (element === at) at = at.nextElementSibling;
        else this.#body.insertBefore(element, at);
      }
    }
    this.#rows = ordered;
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const entry = this.#byElement.get(target);
      entry.inSight = isIntersecting;
      if (isIntersecting && entry.dirty) this.#refresh(entry);
    }
  }

  #showMore() {
    this.#limit += PAGE;
    this.update(this.#last);
  }

  /** @param {TableColumn<R>} column @param {number} index */
  #header({ label, title, class: name, sort }, index) {
    if (sort === undefined) return el('th', { role: 'columnheader', scope: 'col', class: name, title }, label);
    return el('th', { role: 'columnheader', scope: 'col', class: name }, el('button', { type: 'button', title, onclick: () => this.#sortOn(index) }, label));
  }

  /** @param {number} index */
  #sortOn(index) {
    this.#descending = this.#sortBy === index ? !this.#descending : (this.#columns[index]?.descending ?? false);
    this.#sortBy = index;
    this.#sortedAt = 0;
    this.#sortSelect.value = String(index);
    this.#markSorted();
    this.update(this.#last);
  }

  #markSorted() {
    this.#headers.forEach((header, index) => setAttribute(header, 'aria-sort', index === this.#sortBy ? (this.#descending ? 'descending' : 'ascending') : null));
  }
}

/** A column of text. @template R @param {(row: R) => string} text @returns {(cell: HTMLElement, row: R) => (row: R) => void} */
export function textCell(text) {
  return (cell) => {
    const node = document.createTextNode('');
    cell.append(node);
    return (row) => {
      const now = text(row);
      if (node.data !== now) node.data = now;
    };
  };
}
