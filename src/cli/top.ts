/** `millrace top`: what a running proxy does, once a second, in a terminal; as text or JSON where there is none. */
import { StartError, errorMessage } from '../core/errors.ts';
import { formatDuration, parseDuration } from '../core/duration.ts';
import { systemClock } from '../core/clock.ts';
import { printLine } from './output.ts';
import { StatsClient, adminUrl, tokenFrom, type StatsAnswer } from './top-client.ts';
import { VIEWS, frame, type FrameOptions, type View } from './top-frame.ts';
import { shownOf, type Shown } from './top-model.ts';
import { Screen, type Key } from './top-screen.ts';
import { COLORS, NO_COLORS } from './top-table.ts';

export interface TopOptions {
  admin: string;
  tokenFile?: string;
  interval: string;
  once?: boolean;
  json?: boolean;
  view?: string;
}

const LEAST_INTERVAL_MS = 100;
/** An endpoint that does not answer is asked less and less often. */
const MAX_WAIT_MS = 10_000;
/** Signals end it as they would end anything: with 128 and their number. */
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** Returns the exit code. Throws a StartError when the first question gets no answer. */
export async function top(options: TopOptions): Promise<number> {
  const client = new StatsClient(adminUrl(options.admin), options.tokenFile === undefined ? null : tokenFrom(options.tokenFile));
  const intervalMs = parseDuration(options.interval);
  if (intervalMs === undefined || intervalMs < LEAST_INTERVAL_MS) throw new StartError(`--interval ${options.interval} is too short or no duration`, `such as 1s; at least ${formatDuration(LEAST_INTERVAL_MS)}`);
  const view = viewOf(options.view);
  const ending = new AbortController();
  let code = 0;
  const end = (exitCode: number): void => {
    code = exitCode;
    ending.abort();
  };
  const handlers = Object.entries(SIGNALS).map(([signal, number]) => [signal, () => end(128 + number)] as const);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  // The reader went away: `millrace top --json | head`.
  process.stdout.on('error', () => end(0));
  try {
    const isScreen = process.stdout.isTTY && options.once !== true && options.json !== true;
    await (isScreen ? onScreen(client, intervalMs, view, ending.signal, end) : asLines(client, intervalMs, view, options, ending.signal));
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
  return code;
}

function viewOf(text = VIEWS[0] as string): View {
  const view = VIEWS.find((each) => each === text);
  if (view === undefined) throw new StartError(`--view ${text} is not known`, `one of ${VIEWS.join(', ')}`);
  return view;
}

/** Two answers make one picture: rates need both. */
async function asLines(client: StatsClient, intervalMs: number, view: View, { once = false, json = false }: TopOptions, signal: AbortSignal): Promise<void> {
  const parts = { routes: json || view === 'routes', endpoints: true };
  let before = await client.ask(signal, parts);
  do {
    await pause(intervalMs, signal);
    const now = await client.ask(signal, parts);
    const shown = shownOf(now, before);
    before = now;
    const style = colours() ? COLORS : NO_COLORS;
    const width = process.stdout.isTTY ? process.stdout.columns || 80 : Infinity;
    const lines = json ? [JSON.stringify(shown)] : frame(shown, { view, scroll: 0, name: client.name, width, height: Infinity, style, problem: null, keys: false, paused: false }).lines;
    for (const line of lines) printLine(line);
    if (!once && !json) printLine('');
  } while (!once);
}

async function onScreen(client: StatsClient, intervalMs: number, firstView: View, signal: AbortSignal, end: (code: number) => void): Promise<void> {
  // Before the terminal is touched: a wrong address is told as text.
  let before: StatsAnswer = await client.ask(signal, { routes: true, endpoints: true });
  let shown: Shown = shownOf(before, null);
  const style = colours() ? COLORS : NO_COLORS;
  const looks = { view: firstView, scroll: 0, problem: null as string | null, paused: false };
  let mostScroll = 0;
  const draw = (): void => {
    const options: FrameOptions = { ...looks, ...screen.size, name: client.name, style, keys: process.stdin.isTTY };
    const { lines, mostScroll: most } = frame(shown, options);
    mostScroll = most;
    screen.draw(lines);
  };
  const onKey = (key: Key): void => {
    const page = Math.max(1, screen.size.height - 10);
    const move = (by: number): void => void (looks.scroll = Math.max(0, Math.min(mostScroll, looks.scroll + by)));
    const turn = (to: number): void => {
      looks.view = VIEWS[(to + VIEWS.length) % VIEWS.length] ?? 'clusters';
      looks.scroll = 0;
    };
    const at = VIEWS.indexOf(looks.view);
    switch (key) {
      case 'quit':
        end(0);
        return;
      case 'stop':
        screen.stop();
        return;
      case 'next': turn(at + 1); break;
      case 'previous': turn(at - 1); break;
      case 'up': move(-1); break;
      case 'down': move(1); break;
      case 'pageUp': move(-page); break;
      case 'pageDown': move(page); break;
      case 'top': looks.scroll = 0; break;
      case 'pause': looks.paused = !looks.paused; break;
      default: turn(Number(key) - 1);
    }
    draw();
  };
  const screen = new Screen(onKey, draw);
  try {
    draw();
    for (let waitMs = intervalMs; ; ) {
      await pause(waitMs, signal);
      if (looks.paused) continue;
      const began = systemClock.monotonicMs();
      try {
        const now = await client.ask(signal, { routes: true, endpoints: true });
        shown = shownOf(now, before);
        before = now;
        looks.problem = null;
        waitMs = Math.max(LEAST_INTERVAL_MS / 2, intervalMs - (systemClock.monotonicMs() - began));
      } catch (error) {
        if (signal.aborted) throw error;
        looks.problem = errorMessage(error);
        waitMs = Math.min(MAX_WAIT_MS, Math.max(waitMs, intervalMs) * 2);
      }
      draw();
    }
  } finally {
    screen.close();
  }
}

/** https://no-color.org: any value but the empty one. */
const colours = (): boolean => process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';

/** Rejects at once when it ends. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', stopped, { once: true });
    if (signal.aborted) stopped();
    function done(): void {
      signal.removeEventListener('abort', stopped);
      resolve();
    }
    function stopped(): void {
      clearTimeout(timer);
      reject(new Error('ended'));
    }
  });
}
