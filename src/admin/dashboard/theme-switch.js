/** Dark, light, or as the system says; what is chosen is remembered on this machine (theme.js reads it first). */
import { byId } from './dom.js';

const KEY = 'millrace-theme';

/** @param {() => void} changed colours are other ones now */
export function followTheme(changed) {
  const select = byId('theme');
  const root = document.documentElement;
  select.value = root.dataset.theme ?? '';
  select.addEventListener('change', () => {
    const { value } = select;
    if (value === '') delete root.dataset.theme;
    else root.dataset.theme = value;
    try {
      if (value === '') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, value);
    } catch {
      // no storage: it holds until the page is closed
    }
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}
