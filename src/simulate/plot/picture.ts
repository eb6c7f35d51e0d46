/** All plots as one SVG, which follows the theme of whoever looks at it. */
import { adviceOf } from '../advice.ts';
import { scenarioLines } from '../format.ts';
import type { Outcome } from '../result.ts';
import { WIDTH, type Figure } from './figure.ts';
import { figuresOf } from './figures.ts';
import { box, escaped, text } from './svg.ts';
import { PLOT_STYLE } from './theme.ts';

const GAP = 16;
const PAD = 14;
const CAPTION = 46;
const LINE = 18;
/** Characters that fit a line of text across the picture. */
const COLUMNS = 185;

export function outcomePicture(outcome: Outcome): string {
  const figures = figuresOf(outcome);
  const total = 2 * (WIDTH + 2 * PAD) + 3 * GAP;
  const parts: string[] = [text(GAP, 34, outcome.scenario.title, { style: 'head' })];
  let y = 44;
  const paragraph = (content: string, style: string) => {
    for (const words of wrapped(content, COLUMNS)) parts.push(text(GAP, (y += LINE), words, { style }));
  };
  for (const sentence of scenarioLines(outcome.scenario)) paragraph(sentence, 'note');
  y += 6;
  for (const [index, sentence] of adviceOf(outcome).sentences.entries()) paragraph(sentence, index === 0 ? 'strong' : '');
  y += GAP;
  for (let row = 0; row < figures.length; row += 2) {
    const pair = figures.slice(row, row + 2);
    const height = Math.max(...pair.map((figure) => figure.height)) + CAPTION + 2 * PAD;
    for (const [column, figure] of pair.entries()) parts.push(card(figure, GAP + column * (WIDTH + 2 * PAD + GAP), y, height));
    y += height + GAP;
  }
  const style = `${PLOT_STYLE}.plot .head{font-size:20px;font-weight:650}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${y}" width="${total}" height="${y}" class="plot"><title>${escaped(outcome.scenario.title)}</title><style>${style}</style>\n${box(0, 0, total, y, 'ground')}\n${parts.join('\n')}\n</svg>\n`;
}

function card({ title, note, body }: Figure, x: number, y: number, height: number): string {
  return `<g transform="translate(${x} ${y})"><rect width="${WIDTH + 2 * PAD}" height="${height}" rx="10" class="card"/><rect width="${WIDTH + 2 * PAD}" height="${height}" rx="10" class="edge"/>${text(PAD, PAD + 12, title, { style: 'title' })}${text(PAD, PAD + 30, note, { style: 'note' })}<g transform="translate(${PAD} ${PAD + CAPTION})">${body}</g></g>`;
}

function wrapped(content: string, width: number): string[] {
  const lines = [''];
  for (const word of content.split(' ')) {
    if ((lines.at(-1) ?? '').length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${lines.at(-1) ?? ''} ${word}`.trimStart();
  }
  return lines;
}
