/** The result as one page without scripts and without anything from elsewhere. */
import { VERSION } from '../../core/version.ts';
import { adviceOf } from '../advice.ts';
import { scenarioLines } from '../format.ts';
import type { Outcome } from '../result.ts';
import { tablesOf, type Table } from '../tables.ts';
import { WIDTH, type Figure } from './figure.ts';
import { figuresOf } from './figures.ts';
import { escaped } from './svg.ts';
import { PLOT_STYLE, seriesStyle } from './theme.ts';

const PAGE_STYLE = `
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1400px;margin:0 auto;padding:1.4rem 1.2rem 3rem}main{overflow-wrap:anywhere}table{overflow-wrap:normal}h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0 .4rem}h2{font-size:1.05rem;margin:0}p{margin:0}
.facts{margin:0 0 1.1rem;padding:0;list-style:none;color:var(--muted);font-size:.92rem}.card{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:.9rem 1.1rem}
.advice{border-left:5px solid var(--good);margin-bottom:1.1rem}.advice p:first-child{font-size:1.12rem;font-weight:600}
.figures{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr))}figure{margin:0;min-width:0}figcaption{margin-bottom:.4rem}figcaption span{display:block;color:var(--muted);font-size:.85rem}
figure svg{width:100%;height:auto;display:block}.tables{display:flex;flex-wrap:wrap;gap:1rem;margin-top:1rem}section{flex:1 1 auto;max-width:100%;overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin-top:.4rem}
th,td{padding:.28rem .75rem .28rem 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--edge)}th:first-child,td:first-child{text-align:left}thead th{color:var(--muted);font-weight:600;font-size:.85rem}
tbody tr:last-child>*{border-bottom:0}tbody th{font-weight:400}tr.best>*{background:var(--mark);font-weight:650}.swatch{display:inline-block;width:.75em;height:.75em;border-radius:50%;background:currentColor;margin:0 .5em 0 .3em}
.note{color:var(--muted);font-size:.85rem}details{margin-top:1rem}summary{cursor:pointer;font-weight:600}pre{overflow-x:auto;font:13px/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,monospace}footer{color:var(--muted);font-size:.85rem;margin-top:1.4rem}
@media print{.card{break-inside:avoid}}`;

/** `written`: the scenario as YAML, to do it again with. */
export function reportPage(outcome: Outcome, written: string): string {
  const { scenario } = outcome;
  const { best, sentences } = adviceOf(outcome);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(scenario.title)} - Millrace simulation</title>
<style>${PLOT_STYLE}${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(scenario.title)}</h1>
<ul class="facts">${scenarioLines(scenario).map((fact) => `<li>${escaped(fact)}</li>`).join('')}</ul>
<div class="card advice">${sentences.map((sentence) => `<p>${escaped(sentence)}</p>`).join('')}</div>
<div class="figures">
${figuresOf(outcome).map(figureHtml).join('\n')}
</div>
<div class="tables">
${tablesOf(outcome).map((table) => tableHtml(outcome, table, best)).join('\n')}
</div>
<details class="card"><summary>How to read it</summary>
<p>The balancers, breakers, outlier detectors and rate counters of Millrace ${escaped(VERSION)} ran on virtual time against endpoints that only exist as numbers. Every policy met the same requests, so a
difference between two is theirs. A load is a share of what all endpoints together can do. Left out: what the proxy itself costs, connections, and everything about the endpoints that
the scenario does not say. So compare policies with each other; do not expect these milliseconds.</p></details>
<details class="card"><summary>The scenario, to run it again</summary><p class="note">Save it as scenario.yaml; then: millrace simulate scenario.yaml</p><pre>${escaped(written)}</pre></details>
<footer>millrace simulate, version ${escaped(VERSION)}, seed ${scenario.seed}</footer>
</main>
</body>
</html>
`;
}

function figureHtml({ title, note, height, body }: Figure): string {
  return `<figure class="card"><figcaption><h2>${escaped(title)}</h2><span>${escaped(note)}</span></figcaption><svg viewBox="0 0 ${WIDTH} ${height}" class="plot" role="img" aria-label="${escaped(title)}">${body}</svg></figure>`;
}

function tableHtml({ scenario }: Outcome, { title, head, rows, note }: Table, best: number): string {
  const body = rows.map((row, index) => {
    const { label } = scenario.candidates[index] ?? { label: '' };
    return `<tr${index === best ? ' class="best"' : ''}><th scope="row"><span class="swatch ${seriesStyle(index)}"></span>${escaped(label)}</th>${row.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
  });
  return `<section class="card"><h2>${escaped(title)}</h2><table><thead><tr><th>policy</th>${head.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table><p class="note">${escaped(note)}</p></section>`;
}
