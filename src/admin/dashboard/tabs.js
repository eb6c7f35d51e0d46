/** One view at a time, named by the fragment of the address, so that a link leads there and Back goes back. */
import { byId, show } from './dom.js';

export class Tabs {
  now = 'overview';
  /** @type {any[]} */
  #links;
  #offered = new Set(['overview']);

  /** @param {() => void} changed */
  constructor(changed) {
    this.#links = [...byId('tabs').querySelectorAll('a')];
    window.addEventListener('hashchange', () => {
      this.#select();
      changed();
    });
    this.#select();
  }

  /** @param {string[]} names of the views that there are; the others are hidden */
  offer(names) {
    this.#offered = new Set(names);
    this.#select();
  }

  #select() {
    const name = location.hash.slice(1);
    this.now = this.#offered.has(name) ? name : 'overview';
    for (const link of this.#links) {
      const target = link.hash.slice(1);
      show(link, this.#offered.has(target));
      if (target === this.now) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
      show(byId(`view-${target}`), target === this.now);
    }
    document.title = `${this.now === 'overview' ? '' : `${this.now[0]?.toUpperCase()}${this.now.slice(1)} · `}Millrace`;
  }
}
