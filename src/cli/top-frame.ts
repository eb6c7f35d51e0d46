/** One picture of `millrace top`: lines that fit a window. Every name from elsewhere is made visible ASCII first. */
import { printable } from '../core/printable.ts';
import { age, bytes, count, duration, percent, rate } from './top-format.ts';
import type { ClusterRow, EndpointRow, ListenerRow, RouteRow, Shown } from './top-model.ts';
import { cut, tableLines, type Style, type TopColumn } from './top-table.ts';

export const VIEWS = ['clusters', 'endpoints', 'routes', 'listeners'] as const;
export type View = (typeof VIEWS)[number];

export interface FrameOptions {
  view: View;
  /** Rows above the first one that is shown. */
  scroll: number;
  /** Of the admin endpoint. */
  name: string;
  width: number;
  /** Infinity: everything. */
  height: number;
  style: Style;
  /** The last answer was none: why. */
  problem: string | null;
  /** Whether keys are read. */
  keys: boolean;
  paused: boolean;
}

export interface Frame {
  lines: string[];
  /** How far one can scroll. */
  mostScroll: number;
}

const FLAGS_SHOWN = 8;
/** Why an endpoint is out matters more than most numbers. */
const LEAST_HEALTH = 44;

export function frame(shown: Shown, options: FrameOptions): Frame {
  const { width, height, style, scroll } = options;
  const head = headLines(shown, options);
  const { title, rows } = tableOf(shown, options);
  const footer = options.keys ? [style.dim(cut('tab, arrows: view   1-4: view   up, down, page: scroll   space: pause   q: quit', width))] : [];
  const room = Math.max(1, height - head.length - 1 - footer.length);
  const mostScroll = Math.max(0, rows.length - room);
  const from = Math.min(scroll, mostScroll);
  const body = rows.slice(from, from + room);
  const filler = footer.length === 0 || height === Infinity ? [] : Array.from({ length: Math.max(0, room - body.length) }, () => '');
  return { lines: [...head, title, ...body, ...filler, ...footer].slice(0, height), mostScroll };
}

function headLines({ version, uptimeMs, totals, flags, at }: Shown, { name, width, style, problem, view, keys, paused, height }: FrameOptions): string[] {
  const { workers, workersRunning } = totals;
  const title = `millrace ${printable(name)}   version ${version}   up ${age(uptimeMs)}   workers ${workersRunning}/${workers}   ${at.slice(11, 19)}Z${paused ? '   PAUSED' : ''}`;
  const lines = [
    style.bold(cut(title, width)),
    cut(`requests ${rate(totals.requests)}/s   failed ${percent(totals.failedShare)} (${rate(totals.failed)}/s)   in flight ${count(totals.active)}   connections ${count(totals.connections)}`, width),
    cut(`latency  p50 ${duration(totals.p50)}   p90 ${duration(totals.p90)}   p99 ${duration(totals.p99)}   p99.9 ${duration(totals.p999)}   (10 s)`, width),
    cut(`traffic  in ${bytes(totals.bytesReceived)}/s   out ${bytes(totals.bytesSent)}/s   cpus ${totals.cpus === null ? '-' : totals.cpus.toFixed(2)}   memory ${bytes(totals.rssBytes)}`, width),
    cut(`flags    ${flags.length === 0 ? 'none' : flags.slice(0, FLAGS_SHOWN).map(({ flag, perSecond, total }) => `${printable(flag)} ${rate(perSecond)}/s (${count(total)})`).join('   ')}`, width),
  ];
  if (problem !== null) lines.push(style.bad(cut(`${problem}; shown is what was known`, width)));
  if (!keys) return [...lines, ''];
  const tabs = tabsText(view, width, style);
  return height < 12 ? [...lines, tabs] : [...lines, '', tabs];
}

/** Without the others when there is no room for them. */
function tabsText(view: View, width: number, style: Style): string {
  const tabs = VIEWS.map((each, i) => ` ${i + 1} ${each} `);
  const at = VIEWS.indexOf(view);
  if (tabs.join(' ').length > width) return style.reverse(cut(tabs[at] ?? '', width));
  return tabs.map((tab, i) => (i === at ? style.reverse(tab) : tab)).join(' ');
}

function tableOf(shown: Shown, options: FrameOptions): { title: string; rows: string[] } {
  switch (options.view) {
    case 'clusters':
      return painted(CLUSTERS, byRate(shown.clusters), options, ({ available, endpoints, breaker }) => (breaker === 'open' || (endpoints > 0 && available === 0) ? 'bad' : available < endpoints || breaker === 'halfOpen' ? 'warn' : null));
    case 'endpoints':
      return painted(endpointColumns(Date.parse(shown.at)), byRate(shown.endpoints), options, ({ state, reasons }) => (state === 'unavailable' ? 'bad' : state === 'draining' || reasons.length > 0 ? 'warn' : null));
    case 'routes':
      return painted(ROUTES, byRate(shown.routes), options, () => null);
    case 'listeners':
      return painted(LISTENERS, byRate(shown.listeners), options, () => null);
  }
}

function painted<R>(columns: readonly TopColumn<R>[], rows: readonly R[], { width, style }: FrameOptions, kind: (row: R) => 'bad' | 'warn' | null): { title: string; rows: string[] } {
  const { head, lines } = tableLines(columns, rows, width);
  return {
    title: style.bold(head),
    rows: lines.map((line, i) => {
      const row = rows[i];
      const paint = row === undefined ? null : kind(row);
      return paint === null ? line : style[paint](line);
    }),
  };
}

/** The busiest first; of equals in the order of the configuration. What is out of service is not hidden below the idle. */
function byRate<R extends { requests: number | null; state?: string }>(rows: readonly R[]): R[] {
  return rows.toSorted((a, b) => (b.requests ?? 0) - (a.requests ?? 0) || Number(b.state === 'unavailable') - Number(a.state === 'unavailable'));
}

const number = <R>(title: string, rank: number, cell: (row: R) => string): TopColumn<R> => ({ title, kind: 'number', rank, cell });
const text = <R>(title: string, rank: number, cell: (row: R) => string): TopColumn<R> => ({ title, kind: 'text', rank, cell: (row) => printable(cell(row)) });
const share = (part: number | null, all: number | null): string => percent(part === null || all === null || all === 0 ? null : part / all);

const CLUSTERS: readonly TopColumn<ClusterRow>[] = [
  text('CLUSTER', 0, ({ name }) => name),
  number('REQ/S', 0, ({ requests }) => rate(requests)),
  number('FAILED', 2, ({ failed, requests }) => share(failed, requests)),
  number('P50', 4, ({ p50 }) => duration(p50)),
  number('P99', 2, ({ p99 }) => duration(p99)),
  number('P99.9', 6, ({ p999 }) => duration(p999)),
  number('FLIGHT', 5, ({ active }) => count(active)),
  number('WAIT', 7, ({ pending }) => count(pending)),
  number('RETRY/S', 7, ({ retries }) => rate(retries)),
  number('UP', 1, ({ available, endpoints }) => `${available}/${endpoints}`),
  text('BREAKER', 3, ({ breaker }) => breaker ?? '-'),
  text('POLICY', 8, ({ policy }) => policy),
];

const ROUTES: readonly TopColumn<RouteRow>[] = [
  text('ROUTE', 0, ({ name }) => name),
  text('TABLE', 6, ({ table }) => table),
  number('REQ/S', 0, ({ requests }) => rate(requests)),
  number('4XX/S', 4, ({ clientErrors }) => rate(clientErrors)),
  number('FAILED', 2, ({ failed, requests }) => share(failed, requests)),
  number('P50', 3, ({ p50 }) => duration(p50)),
  number('P99', 1, ({ p99 }) => duration(p99)),
  number('P99.9', 5, ({ p999 }) => duration(p999)),
  number('RETRY/S', 5, ({ retries }) => rate(retries)),
  number('REQUESTS', 7, ({ total }) => count(total)),
];

const LISTENERS: readonly TopColumn<ListenerRow>[] = [
  text('LISTENER', 0, ({ name }) => name),
  number('REQ/S', 0, ({ requests }) => rate(requests)),
  number('4XX/S', 4, ({ clientErrors }) => rate(clientErrors)),
  number('FAILED', 2, ({ failed, requests }) => share(failed, requests)),
  number('P50', 3, ({ p50 }) => duration(p50)),
  number('P99', 1, ({ p99 }) => duration(p99)),
  number('P99.9', 5, ({ p999 }) => duration(p999)),
  number('FLIGHT', 4, ({ active }) => count(active)),
  number('CONNECTIONS', 4, ({ connections }) => count(connections)),
  number('IN/S', 6, ({ bytesReceived }) => bytes(bytesReceived)),
  number('OUT/S', 6, ({ bytesSent }) => bytes(bytesSent)),
];

function endpointColumns(nowMs: number): readonly TopColumn<EndpointRow>[] {
  return [
    text('ENDPOINT', 0, ({ address }) => address),
    text('CLUSTER', 3, ({ cluster }) => cluster),
    { ...text<EndpointRow>('HEALTH', 1, (row) => healthText(row, nowMs)), least: LEAST_HEALTH },
    number('WEIGHT', 5, ({ weight }) => count(weight)),
    number('REQ/S', 0, ({ requests }) => rate(requests)),
    number('FAILED/S', 4, ({ failures }) => rate(failures)),
    number('FLIGHT', 6, ({ active }) => count(active)),
    number('P50', 6, ({ p50 }) => duration(p50)),
    number('P99', 2, ({ p99 }) => duration(p99)),
  ];
}

/** `ejected for 40s, 20s to go` */
function healthText({ state, reasons, since, until }: EndpointRow, nowMs: number): string {
  if (reasons.length === 0) return state;
  const lasted = since === null ? '' : ` for ${age(nowMs - Date.parse(since))}`;
  const left = until === null ? '' : `, ${age(Date.parse(until) - nowMs)} to go`;
  return `${reasons.join(', ')}${lasted}${left}`;
}
