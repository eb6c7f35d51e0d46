/**
 * Markup that escapes by default: whatever is put into a template is text, unless it is itself the result of a template. A
 * result file may name its contenders as it likes (it may come from somebody else's machine), and none of it becomes an element.
 */

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Markup {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

/** @param {unknown} value @returns {string} */
function markupOf(value) {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(markupOf).join('');
  return String(value).replace(/[&<>"']/g, (c) => ENTITIES[c]);
}

/** Absent values (null, undefined, false) are nothing, arrays are their elements one after the other.
 *  @param {TemplateStringsArray} parts @param {...unknown} values @returns {Markup} */
export const html = (parts, ...values) => new Markup(parts.reduce((text, part, i) => text + markupOf(values[i - 1]) + part));

/** For style sheets, which are ours and have no entities. @param {string} text */
export const verbatim = (text) => new Markup(text);
