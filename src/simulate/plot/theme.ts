/** Colours of the plots, for light and dark grounds: text has a contrast of 4.5 or more, lines of 3 or more, in both. */

/** One for each policy; more policies than this begin again, dashed. */
const LIGHT = ['#0b7a80', '#c8324f', '#3358c4', '#a86500', '#7a44c7', '#2b8a3e', '#b83a86', '#546174', '#8a5527', '#127fae'];
const DARK = ['#4cc5cb', '#ff8294', '#8fabff', '#f0b44c', '#bda0ff', '#6fdc8c', '#ff92cb', '#a9b4c2', '#d9ab78', '#6ccbff'];
export const COLOURS = LIGHT.length;

/** Class of a series: its colour, and dashes from the second round on. */
export const seriesStyle = (index: number): string => `s${index % COLOURS}${index >= COLOURS ? ' dashed' : ''}`;

const variables = (colours: readonly string[], rest: Record<string, string>): string =>
  [...colours.map((colour, index) => `--s${index}:${colour}`), ...Object.entries(rest).map(([name, value]) => `--${name}:${value}`)].join(';');

const light = variables(LIGHT, { ground: '#f3f5f8', card: '#ffffff', ink: '#19222e', muted: '#546174', edge: '#d9dfe7', grid: '#e8ecf1', band: '#f5ecd8', mark: '#e6f2f2', good: '#0b7a80' });
const dark = variables(DARK, { ground: '#0f141a', card: '#171e27', ink: '#e3e9f0', muted: '#9fadbe', edge: '#2b3644', grid: '#243040', band: '#33301f', mark: '#17333a', good: '#4cc5cb' });

const MARKS = `
.plot{font:12px/1.3 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}
.plot .title{font-size:14px;font-weight:600}.plot .note,.plot .tick{font-size:11px;fill:var(--muted)}.plot .small{font-size:11px}.plot .strong{font-weight:650}
.plot .grid{stroke:var(--grid)}.plot .axis{stroke:var(--edge)}.plot .rule{stroke:var(--muted);stroke-dasharray:4 3}.plot .rail{stroke:var(--edge);stroke-width:2}
.plot .band{fill:var(--band)}.plot .card{fill:var(--card)}.plot .ground{fill:var(--ground)}.plot .edge{fill:none;stroke:var(--edge)}.plot .mark{fill:var(--mark)}
.plot path{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.plot .best path{stroke-width:3}.plot .leader{stroke-width:1;opacity:.55}
.plot .dashed path{stroke-dasharray:6 4}.plot circle{fill:currentColor;stroke:var(--card);stroke-width:1.2}.plot circle.hollow{fill:var(--card);stroke:currentColor;stroke-width:1.8}
.plot .label{fill:currentColor;font-size:11.5px}.plot .best .label{font-weight:650}.plot .span{stroke:currentColor;stroke-width:3;opacity:.35}
.plot:hover .series{opacity:.3}.plot .series{transition:opacity .12s}.plot:hover .series:hover{opacity:1}`;

const series = LIGHT.map((_, index) => `.s${index}{color:var(--s${index})}`).join('');

/** Style sheet of a plot: follows the theme of whoever looks at it. */
export const PLOT_STYLE = `:root{color-scheme:light dark;${light}}@media(prefers-color-scheme:dark){:root{${dark}}}${series}${MARKS}`;
