/** The result of policies.mjs as an SVG: per scenario the p50 and p99 of every policy, and what the bad endpoint got. */
const ROW = 24;
const NAME = 130;
const PANEL = 330;
const GAP = 60;
const WIDTH = NAME + PANEL + GAP + PANEL + 70;
const INK = '#1f2933';
const FAINT = '#d5dbe1';
const GOOD = '#2f7d6d';
const BAD = '#c0512f';

const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
const text = (x, y, content, { anchor = 'start', size = 12, fill = INK, weight = 400 } = {}) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" fill="${fill}" font-weight="${weight}">${escaped(content)}</text>`;
const line = (x1, y1, x2, y2, stroke, width = 1) =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${stroke}" stroke-width="${width}"/>`;
const dot = (x, y, fill, stroke = fill) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4.5" fill="${fill}" stroke="${stroke}"/>`;
const milliseconds = (ms) => `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)}`;
const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

/** 1, 2 and 5 of every power of ten in the range. */
function ticks(low, high) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) for (const step of [1, 2, 5]) all.push(step * 10 ** power);
  return all.filter((tick) => tick >= low && tick <= high);
}

function latencies(results, x0, y0) {
  const low = Math.min(...results.map((r) => Math.min(r.p50Ms, r.meanMs))) / 1.3;
  const high = Math.max(...results.map((r) => r.p99Ms)) * 1.3;
  const at = (ms) => x0 + (PANEL * Math.log(ms / low)) / Math.log(high / low);
  const bottom = y0 + results.length * ROW;
  const out = [text(x0, y0 - 10, 'p50, mean (hollow) and p99 of answers with status 200, ms', { size: 11 })];
  for (const tick of ticks(low, high)) out.push(line(at(tick), y0, at(tick), bottom, FAINT), text(at(tick), bottom + 14, milliseconds(tick).replace('.0', ''), { anchor: 'middle', size: 10 }));
  for (const [i, { p50Ms, meanMs, p99Ms }] of results.entries()) {
    const y = y0 + (i + 0.5) * ROW;
    out.push(line(at(p50Ms), y, at(p99Ms), y, '#9aa5b1', 3), dot(at(p50Ms), y, GOOD), dot(at(meanMs), y, '#ffffff', INK), dot(at(p99Ms), y, BAD));
    out.push(text(at(p99Ms) + 9, y + 4, milliseconds(p99Ms), { size: 10 }));
  }
  return out;
}

function shares(results, x0, y0) {
  const fair = 1 / results[0].shares.length;
  const high = Math.max(fair, ...results.map((r) => r.badShare)) * 1.15;
  const at = (share) => x0 + (PANEL * share) / high;
  const bottom = y0 + results.length * ROW;
  const out = [text(x0, y0 - 10, 'share of the requests that the bad endpoint got', { size: 11 }), line(x0, y0, x0, bottom, FAINT)];
  for (const [i, { badShare }] of results.entries()) {
    const y = y0 + i * ROW;
    out.push(`<rect x="${x0}" y="${y + 5}" width="${Math.max(at(badShare) - x0, 1).toFixed(1)}" height="${ROW - 10}" fill="${badShare > fair * 1.5 ? BAD : GOOD}"/>`);
    out.push(text(at(badShare) + 6, y + ROW / 2 + 4, percent(badShare), { size: 10 }));
  }
  out.push(line(at(fair), y0, at(fair), bottom, INK), text(at(fair), bottom + 14, `fair: ${percent(fair)}`, { anchor: 'middle', size: 10 }));
  return out;
}

export function drawPolicies({ machine, date, options, scenarios }) {
  const out = [];
  let y = 34;
  out.push(text(16, y, `${options.rate} requests/s through Millrace to ten endpoints of ${options.serviceMs} ms`, { size: 15, weight: 600 }));
  y += 18;
  out.push(text(16, y, `${machine}, ${date}; open loop, ${options.seconds} s per policy`, { size: 11 }));
  for (const [name, { title, results }] of Object.entries(scenarios)) {
    y += 44;
    out.push(text(16, y, `${name}: ${title}`, { size: 13, weight: 600 }));
    y += 34;
    for (const [i, { policy }] of results.entries()) out.push(text(NAME, y + (i + 0.5) * ROW + 4, policy, { anchor: 'end' }));
    out.push(...latencies(results, NAME + 16, y), ...shares(results, NAME + PANEL + GAP, y));
    y += results.length * ROW + 20;
  }
  const style = `font-family="ui-sans-serif, system-ui, sans-serif"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 16}" width="${WIDTH}" height="${y + 16}" ${style}>\n<rect width="100%" height="100%" fill="#ffffff"/>\n${out.join('\n')}\n</svg>\n`;
}
