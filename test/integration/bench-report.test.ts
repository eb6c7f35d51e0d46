/** The race's report in a real browser: complete in itself, nothing cut off, and nothing that a result says becomes markup. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../bench/race/report/report.mjs';
import { sampleRace } from '../fixtures/bench/race-sample.mjs';
import { startBrowser } from '../support/browser.ts';
import { keep } from '../support/keep.ts';
import { temporaryDirectory } from '../support/millrace.ts';

const HOSTILE = `</style></title><script>document.title='taken'</script><img src=x onerror="document.title='taken'">"'&<svg onload=alert(1)>`;
const WIDE = { width: 1400, height: 900 };
const PHONE = { width: 360, height: 740 };

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});

async function open(result: object, options: BrowserContextOptions = {}): Promise<{ page: Page; complaints: string[] }> {
  const file = join(temporaryDirectory(), 'race.html');
  writeReport(result, file);
  const context = await browser.newContext({ viewport: WIDE, ...options });
  keep({ close: () => context.close() });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!/^(file|data):/.test(request.url())) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  return { page, complaints };
}

/** Texts that their box, or the page, does not show in full; what scrolls by itself is no matter. */
const cutOff = (page: Page): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll('h1, h2, figcaption, .tile, .badge, .goal-text, .goal-figure, .row .name, .row .value, svg text, dd, li, .lead')]
    .filter((e) => e.closest('.scroll, .controls, nav') === null)
    .filter((e) => { const box = e.getBoundingClientRect(); return box.width > 0 && (box.left < -1 || box.right > document.documentElement.clientWidth + 1 || (e instanceof HTMLElement && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')); })
    .map((e) => e.textContent)`);

describe.each([
  ['wide', WIDE],
  ['phone', PHONE],
])('the report, %s', (_, viewport) => {
  it.each(['light', 'dark'] as const)('opens in %s without a complaint, with everything inside the page', async (colorScheme) => {
    const { page, complaints } = await open(sampleRace(), { viewport, colorScheme });
    expect(complaints).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')).toBe(true);
    expect(await cutOff(page)).toEqual([]);
    const [text, ground] = await page.evaluate<[string, string]>('[getComputedStyle(document.documentElement).color, getComputedStyle(document.documentElement).backgroundColor]');
    const light = (colour: string): number => Number(/\d+/.exec(colour)?.[0]);
    expect(light(text) > light(ground)).toBe(colorScheme === 'dark');
  });
});

it('shows lost goals as large as met ones', async () => {
  const { page } = await open(sampleRace());
  const sizes = await page.locator('.tile').evaluateAll((tiles) => tiles.map((tile) => [tile.className, Math.round((tile as unknown as { getBoundingClientRect(): { width: number } }).getBoundingClientRect().width)]));
  expect(sizes.map(([name]) => name)).toEqual(['tile met', 'tile lost', 'tile undecided']);
  expect(new Set(sizes.map(([, width]) => width)).size).toBe(1);
  const said = await page.locator('#goals .badge').allInnerTexts();
  expect(said.filter((text) => /lost/.test(text)).length).toBe(Number((await page.locator('.tile.lost .number').innerText())));
});

it('draws every round of every contender as a dot', async () => {
  const result = sampleRace();
  const { page } = await open(result);
  const plain = result.scenarios[0]!;
  expect(await page.locator('#s0 figure.plot:not(.cpu, .quantiles) .row circle').count()).toBe(Object.values(plain.runs).flat().length);
});

it('brings out one contender, and changes its theme, without a script', async () => {
  const { page } = await open(sampleRace(), { colorScheme: 'light' });
  await page.getByText('nginx', { exact: true }).first().click();
  const opacity = (index: number): Promise<string> => page.evaluate(`getComputedStyle(document.querySelector('#s0 .row.c${index}')).opacity`);
  await expect.poll(() => opacity(3)).toBe('0.16');
  expect(await opacity(2)).toBe('1');
  await page.getByText('dark', { exact: true }).click();
  expect(await page.evaluate('getComputedStyle(document.documentElement).colorScheme')).toBe('dark');
  expect(await page.locator('script').count()).toBe(0);
});

it('shows hostile names as the text that they are', async () => {
  const result = sampleRace({ rounds: 2 });
  const hostile = JSON.parse(
    JSON.stringify(result, (key, value: unknown) => (typeof value === 'string' && !['kind', 'name', 'primary', 'metric', 'direction', 'againstScenario'].includes(key) && !/^(nginx|haproxy|h2o|caddy|fastify|http-proxy-3)$/.test(value) ? `${HOSTILE}${value}` : value)),
  ) as { scenarios: { systemCalls?: object; skipped: object }[]; machine: object; options: object; absent: object[] };
  for (const scenario of hostile.scenarios) {
    if (scenario.systemCalls !== undefined) scenario.systemCalls = { millrace: { [HOSTILE]: 1 }, constructor: { [HOSTILE]: 1 } };
    scenario.skipped = { [HOSTILE]: HOSTILE, constructor: HOSTILE };
  }
  hostile.machine = { [HOSTILE]: { [HOSTILE]: [HOSTILE] } };
  hostile.options = hostile.machine;
  hostile.absent.push({ name: HOSTILE, why: HOSTILE });
  for (const viewport of [WIDE, PHONE]) {
    const { page, complaints } = await open(hostile, { viewport });
    expect(complaints).toEqual([]);
    expect(await page.title()).not.toBe('taken');
    expect(await page.locator('script, img, [onload], [onerror]').count()).toBe(0);
    expect(await page.locator('h1').innerText()).toContain(HOSTILE);
    expect(await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')).toBe(true);
  }
});
