/** The page of `millrace simulate --report` in a browser, with names that would like to be more than names. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { startBrowser } from '../support/browser.ts';
import { temporaryDirectory } from '../support/millrace.ts';
import { millrace } from '../unit/cli/support.ts';

const EVIL = `<img src=x onerror="document.title='taken over'">`;

it('is complete, quiet, and fits a telephone and a desk in both themes', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory();
  const group = (name: string, ms: number) => ({ name, count: 4, serviceTime: { exponential: `${ms}ms` } });
  writeFileSync(
    join(directory, 'evil.json'),
    JSON.stringify({ title: EVIL, requests: 5000, load: '0.4..1.2', policies: ['roundRobin', 'leastRequest', { policy: 'peakEwma', label: EVIL }], endpoints: [group('a', 10), group(EVIL, 50)], changes: [{ at: '1s', for: '1s', group: EVIL, fails: 0.3 }] }),
  );
  expect(await millrace(['simulate', 'evil.json', '--report', 'page.html'], directory)).toMatchObject({ code: 0 });

  const browser = await startBrowser();
  for (const [colorScheme, width] of [['light', 1400], ['dark', 390]] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
    const noise: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => noise.push(message.text())).on('pageerror', (error) => noise.push(error.message)).on('request', (request) => asked.push(request.url()));
    const url = pathToFileURL(join(directory, 'page.html')).href;
    await page.goto(url);
    expect(asked).toEqual([url]);
    expect(noise).toEqual([]);
    expect(await page.title()).toBe(`${EVIL} - Millrace simulation`);
    expect(await page.locator('figure svg').count()).toBe(8);
    expect(await page.locator('img, script').count()).toBe(0);
    expect(await page.locator('table').first().locator('tbody th').allInnerTexts()).toEqual(['roundRobin', 'leastRequest', EVIL]);
    // Wide tables scroll in their card, not the page.
    expect(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')).toBe(0);
    // No label of a plot is cut off by the edge of its picture.
    const cut = await page.evaluate(`[...document.querySelectorAll('figure svg')].flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter((text) => { const box = text.getBoundingClientRect(); return box.left < frame.left - 1 || box.right > frame.right + 1; }).map((text) => text.lastChild.textContent);
    })`);
    expect(cut).toEqual([]);
    await page.close();
  }
});
