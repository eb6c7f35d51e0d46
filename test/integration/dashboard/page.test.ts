import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBrowser } from '../../support/browser.ts';
import { request } from '../../support/client.ts';
import { Dashboard } from '../../support/dashboard.ts';
import { HttpOrigin } from '../../support/http-origin.ts';
import { Millrace, proxyTo } from '../../support/millrace.ts';
import { Origin } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';

const TOKEN = 'correct-horse-battery-staple';

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});

async function started(): Promise<Millrace> {
  const origin = await Origin.start();
  return Millrace.start(proxyTo([origin.address]));
}

/** Requests until it is told to stop. */
function load(proxy: Millrace, path = '/'): { stop: () => Promise<void> } {
  let going = true;
  const sending = (async () => {
    while (going) await request(proxy.port(), path);
  })();
  return {
    stop: () => {
      going = false;
      return sending;
    },
  };
}

const manyEndpoints = (count: number) => Array.from({ length: count }, (_, i) => `127.1.${i >> 8}.${(i & 255) + 1}:9`);

describe('the page', () => {
  it('shows every view without a complaint of the browser, and asks nobody but the proxy', async () => {
    const proxy = await started();
    const dashboard = await (await Dashboard.open(browser, proxy)).live();
    const views = await dashboard.page.locator('#tabs a:visible').allInnerTexts();
    expect(views.slice(0, 4)).toEqual(['Overview', 'Clusters', 'Routes', 'Listeners']);
    for (const view of views) {
      await dashboard.show(view.toLowerCase());
      await dashboard.ticks(1);
    }
    expect(dashboard.complaints).toEqual([]);
    expect(dashboard.foreign).toEqual([]);
  });

  it('is refused what its policy does not allow', async () => {
    const dashboard = await (await Dashboard.open(browser, await started())).live();
    await dashboard.page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      const style = document.createElement('p');
      style.setAttribute('style', 'color: rgb(1, 2, 3)');
      style.id = 'styled';
      document.body.append(style);
    }`);
    expect(await dashboard.page.evaluate('window.ran')).toBeUndefined();
    expect(await dashboard.page.evaluate("getComputedStyle(document.getElementById('styled')).color")).not.toBe('rgb(1, 2, 3)');
    expect(dashboard.complaints).toHaveLength(2);
  });

  it('moves its numbers and charts under load', async () => {
    const proxy = await started();
    const dashboard = await (await Dashboard.open(browser, proxy)).live();
    await dashboard.reads('#tiles', /Requests\s+0\/s/);
    const blank = await dashboard.page.evaluate("document.querySelector('#charts canvas').toDataURL()");
    const { stop } = load(proxy);
    await dashboard.reads('#tiles', /Requests\s+[1-9][\d,]*\/s/);
    await dashboard.reads('#charts', /requests\/s\s+[1-9][\d,]*\s[\s\S]*p99\s+[\d.]+ (µs|ms)/);
    expect(await dashboard.page.evaluate("document.querySelector('#charts canvas').toDataURL()")).not.toBe(blank);
    await dashboard.show('clusters');
    await dashboard.reads('#cluster-list', /Requests\s+[1-9][\d,]*\/s/);
    await dashboard.show('routes');
    await eventually(async () => /^[1-9]/.test(await dashboard.row('main/0/0').locator('td[data-label="Requests/s"]').innerText()));
    await stop();
  });

  it('says which endpoint is out and why, and what happened to it', async () => {
    const [good, bad] = [await HttpOrigin.start((_, response) => response.end('ok')), await HttpOrigin.start((_, response) => response.writeHead(503).end())];
    const proxy = await Millrace.start(proxyTo([good.address, bad.address], { cluster: { outlierDetection: { consecutive5xx: 3, maxEjectionPercent: '100%', baseEjectionTime: '60s', interval: '100ms' } } }));
    const dashboard = await (await Dashboard.open(browser, proxy)).live();
    expect(await dashboard.text('#no-problems')).toContain('every endpoint is available');
    const { stop } = load(proxy);
    await dashboard.reads('#problems', new RegExp(`up / ${bad.address}\\s+ejected for \\d+ s, until [\\d:]+ .*\\s+ejected for 60 s: 3 answers of 5xx in a row`));
    await stop();
    await dashboard.show('clusters');
    await dashboard.reads('#cluster-list', /1 of 2 available/);
    await dashboard.row(bad.address).getByRole('button', { name: 'Details' }).click();
    await dashboard.reads('tr.detail', /ejected: outlier detection took it out[\s\S]*What happened to it[\s\S]*ejected: ejected for 60 s: 3 answers of 5xx in a row/);
    expect(dashboard.complaints).toEqual([]);
  });

  it('stops asking while nobody looks, and asks at once when somebody does', async () => {
    const dashboard = await (await Dashboard.open(browser, await started())).live();
    const look = (hidden: boolean): Promise<unknown> => dashboard.page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`);
    const polls = (): number => dashboard.asked.filter((path) => path.startsWith('GET /stats')).length;
    await dashboard.page.clock.install();
    const first = polls();
    await look(false);
    await eventually(() => polls() > first);
    await look(true);
    const before = polls();
    await dashboard.page.clock.runFor(60_000);
    expect(polls()).toBe(before);
    await look(false);
    await eventually(() => polls() > before);
  });

  it('says that the proxy does not answer, asks less often, and goes on when it is back', async () => {
    const proxy = await started();
    const dashboard = await (await Dashboard.open(browser, proxy)).live();
    proxy.signal('SIGTERM');
    await proxy.exited;
    await dashboard.reads('#lost-why', /does not answer Asked again in [248] s; what is shown is from \d+ s ago/);
    expect(await dashboard.text('#connection')).toBe('no answer');
    const origin = await Origin.start();
    await Millrace.start(proxyTo([origin.address], { admin: { address: `127.0.0.1:${proxy.adminPort}` } }));
    await dashboard.page.locator('#try-again').click();
    await dashboard.live();
    expect(await dashboard.page.locator('#lost').isVisible()).toBe(false);
  });
});

describe('what comes from the network', () => {
  it('is text, whatever it looks like', async () => {
    const evil = '"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
    const proxy = await Millrace.start({
      routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'up' }] }] },
      clusters: { up: { endpoints: [{ address: '127.0.0.1:9', metadata: { evil } }] } },
    } as never);
    const dashboard = await (await Dashboard.open(browser, proxy, { view: 'clusters' })).live();
    await dashboard.row('127.0.0.1:9').getByRole('button', { name: 'Details' }).click();
    await eventually(async () => (await dashboard.text('tr.detail')).includes(evil));
    await request(proxy.port(), "/<img/src=x/onerror=window.pwned=1><script>window.pwned=1</script>?q='><svg/onload=window.pwned=1>");
    await dashboard.show('requests');
    await dashboard.reads('#request-table', /<script>window\.pwned=1<\/script>\?q='><svg\/onload/);
    await dashboard.page.locator('#request-table').getByRole('button', { name: 'Details' }).click();
    await dashboard.reads('.request-detail', /<script>window\.pwned=1<\/script>/);
    expect(await dashboard.page.evaluate('window.pwned')).toBeUndefined();
    expect(await dashboard.page.locator('main img, main script, main svg').count()).toBe(0);
    expect(dashboard.complaints).toEqual([]);
  });
});

describe('the token', () => {
  it('is asked for, kept by the tab, and in no address', async () => {
    const proxy = await Millrace.start({ ...proxyTo(['127.0.0.1:9']), admin: { address: '127.0.0.1:0', tokens: [{ name: 'ops', token: TOKEN }] } });
    const dashboard = await Dashboard.open(browser, proxy);
    const { page } = dashboard;
    await page.locator('#sign-in').waitFor();
    await page.getByLabel('Token').fill('not-the-right-one-at-all');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await dashboard.reads('#sign-in-why', /token/);
    await page.getByLabel('Token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await dashboard.live();
    await page.reload();
    await dashboard.live();
    expect(dashboard.asked.join('\n')).not.toContain(TOKEN);
    expect(page.url()).not.toContain(TOKEN);
    expect(await page.evaluate('Object.keys(localStorage).concat(document.cookie)')).toEqual(['']);
    // Another tab has none.
    await (await Dashboard.open(browser, proxy)).page.locator('#sign-in').waitFor();
  });
});

describe('200 endpoints', () => {
  it('are updated in place: no element is made or removed, and rows stay where they are', async () => {
    const proxy = await Millrace.start(proxyTo(manyEndpoints(200)));
    const dashboard = await (await Dashboard.open(browser, proxy, { view: 'clusters' })).live();
    await eventually(async () => (await dashboard.page.locator('tbody > tr').count()) === 200);
    await dashboard.ticks(2);
    await dashboard.page.evaluate("window.moved = 0; new MutationObserver((changes) => { window.moved += changes.length; }).observe(document.querySelector('main'), { childList: true, subtree: true })");
    const { stop } = load(proxy);
    await dashboard.reads('#cluster-list', /Requests\s+[1-9][\d,]*\/s/);
    await dashboard.ticks(2);
    await stop();
    expect(await dashboard.page.evaluate('window.moved')).toBe(0);
  });

  it('are filtered', async () => {
    const dashboard = await (await Dashboard.open(browser, await Millrace.start(proxyTo(manyEndpoints(200))), { view: 'clusters' })).live();
    const { page } = dashboard;
    await page.locator('#cluster-filter').fill('127.1.0.19');
    await eventually(async () => (await page.locator('tbody > tr').count()) === 11);
    await page.locator('#cluster-filter').fill('nowhere');
    await dashboard.reads('#no-clusters', /Nothing fits/);
  });
});

describe('the looks', () => {
  const background = (dashboard: Dashboard): Promise<string> => dashboard.page.evaluate('getComputedStyle(document.body).backgroundColor');

  it('follow the system, or what was chosen, which is remembered', async () => {
    const proxy = await started();
    const [light, dark] = [await Dashboard.open(browser, proxy, { colorScheme: 'light' }), await Dashboard.open(browser, proxy, { colorScheme: 'dark' })];
    await Promise.all([light.live(), dark.live()]);
    const [lightGround, darkGround] = [await background(light), await background(dark)];
    expect(lightGround).not.toBe(darkGround);
    await light.page.getByLabel('Colours').selectOption('dark');
    expect(await background(light)).toBe(darkGround);
    await light.page.reload();
    expect(await background(light)).toBe(darkGround);
    await light.page.emulateMedia({ colorScheme: 'dark' });
    await (await light.live()).page.getByLabel('Colours').selectOption('');
    expect(await background(light)).toBe(darkGround);
  });

  it('fit a phone: nothing is wider than it in any view', { timeout: 60_000 }, async () => {
    const proxy = await Millrace.start(proxyTo(manyEndpoints(200)));
    await request(proxy.port(), `/${'long'.repeat(200)}`);
    const dashboard = await (await Dashboard.open(browser, proxy, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true })).live();
    for (const view of await dashboard.page.locator('#tabs a:not([hidden])').allInnerTexts()) {
      await dashboard.show(view.toLowerCase());
      await dashboard.ticks(2);
      const disclose = dashboard.page.locator(`#view-${view.toLowerCase()} .disclose`).first();
      if (await disclose.isVisible()) await disclose.click();
      expect({ view, width: await dashboard.page.evaluate('document.documentElement.scrollWidth') }).toEqual({ view, width: 390 });
    }
  });

  it.each(['light', 'dark'] as const)('can be read in the %s: every text has a contrast of 4.5 or more', async (colorScheme) => {
    const proxy = await Millrace.start(proxyTo(['127.0.0.1:9'], { cluster: { healthCheck: { http: { path: '/' }, interval: '100ms', timeout: '100ms' } } }));
    const dashboard = await (await Dashboard.open(browser, proxy, { colorScheme })).live();
    await request(proxy.port(), '/');
    await dashboard.reads('#problems', /unhealthy/);
    for (const view of await dashboard.page.locator('#tabs a:visible').allInnerTexts()) {
      await dashboard.show(view.toLowerCase());
      await dashboard.ticks(1);
      expect(await dashboard.page.evaluate(LOW_CONTRASTS)).toEqual([]);
    }
  });

  it('name every control for those who do not see it', { timeout: 60_000 }, async () => {
    const proxy = await started();
    await request(proxy.port(), '/');
    const dashboard = await (await Dashboard.open(browser, proxy)).live();
    for (const view of await dashboard.page.locator('#tabs a:visible').allInnerTexts()) {
      await dashboard.show(view.toLowerCase());
      await dashboard.ticks(1);
      const nameless = await dashboard.page.evaluate(NAMELESS);
      expect({ view, nameless }).toEqual({ view, nameless: [] });
    }
  });

  it('can be used with the keyboard alone', async () => {
    const dashboard = await (await Dashboard.open(browser, await started())).live();
    await dashboard.page.locator('#tabs a[href="#overview"]').focus();
    await dashboard.page.keyboard.press('Tab');
    await dashboard.page.keyboard.press('Enter');
    await dashboard.page.locator('#view-clusters').waitFor();
    await dashboard.page.locator('.disclose').focus();
    expect(await dashboard.page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await dashboard.page.keyboard.press('Enter');
    await dashboard.page.locator('tr.detail').waitFor();
    expect(await dashboard.page.locator('.disclose').getAttribute('aria-expanded')).toBe('true');
  });
});

/** Texts whose colour is too near to what is behind them. */
const LOW_CONTRASTS = `(() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => { const [r, g, b] = rgb.map((c) => { const s = c / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const groundOf = (element) => { for (let at = element; at; at = at.parentElement) { const [r, g, b, a = 1] = channels(getComputedStyle(at).backgroundColor); if (a === 1) return [r, g, b]; if (a !== 0) throw new Error('half transparent ground'); } return [255, 255, 255]; };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === '' || !element.checkVisibility() || element.matches(':disabled, option')) continue;
    const [text, ground] = [luminance(channels(getComputedStyle(element).color).slice(0, 3)), luminance(groundOf(element))];
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (contrast < 4.5) low.push(node.data.trim().slice(0, 40) + ': ' + contrast.toFixed(2));
  }
  return low;
})()`;

const NAMELESS = `[...document.querySelectorAll('button, input, select, textarea, a')]
  .filter((element) => element.checkVisibility() && !(element.getAttribute('aria-label') || element.labels?.length || element.textContent.trim()))
  .map((element) => element.outerHTML.slice(0, 100))`;
