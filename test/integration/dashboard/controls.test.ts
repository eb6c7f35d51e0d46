import type { Browser, Locator } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBrowser } from '../../support/browser.ts';
import { request } from '../../support/client.ts';
import { Dashboard } from '../../support/dashboard.ts';
import type { Message } from '../../support/http-message.ts';
import { HttpOrigin } from '../../support/http-origin.ts';
import { Millrace, proxyTo } from '../../support/millrace.ts';
import { eventually } from '../../support/wait.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});

/** Two upstreams that say which one they are, in turns; and the page of their clusters. */
async function started(more: Parameters<typeof proxyTo>[1] = {}): Promise<{ proxy: Millrace; origins: HttpOrigin[]; dashboard: Dashboard }> {
  const origins = await Promise.all(['first', 'second'].map((name) => HttpOrigin.start((_, response) => response.end(name))));
  const proxy = await Millrace.start(proxyTo(origins.map(({ address }) => address), { cluster: { balancer: { policy: 'roundRobin' } }, ...more }));
  return { proxy, origins, dashboard: await (await Dashboard.open(browser, proxy, { view: 'clusters' })).live() };
}

/** How many of so many requests each upstream answered. */
async function answered(proxy: Millrace, count: number): Promise<Record<string, number>> {
  const by: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { text } = await request(proxy.port(), '/');
    by[text] = (by[text] ?? 0) + 1;
  }
  return by;
}

const weightOf = (row: Locator): Locator => row.getByRole('spinbutton', { name: 'Weight of' });

async function json(proxy: Millrace, path: string): Promise<any> {
  return JSON.parse((await proxy.admin(path)).text);
}

function patch(proxy: Millrace, path: string, body: unknown): Promise<Message> {
  return request(proxy.adminPort, path, { method: 'PATCH', headers: { host: `127.0.0.1:${proxy.adminPort}`, 'content-type': 'application/json', connection: 'close' }, body: JSON.stringify(body) });
}

const endpointPath = (origin: HttpOrigin | undefined): string => `/clusters/up/endpoints/${encodeURIComponent(origin?.address ?? '')}`;

describe('a weight', () => {
  it('that is changed in the page changes the traffic', async () => {
    const { proxy, origins, dashboard } = await started();
    expect(await answered(proxy, 40)).toEqual({ first: 20, second: 20 });
    const row = dashboard.row(origins[0]?.address ?? '');
    await weightOf(row).fill('3');
    await weightOf(row).press('Enter');
    await row.locator('.note.ok', { hasText: 'In service (version 2)' }).waitFor();
    expect(await answered(proxy, 40)).toEqual({ first: 30, second: 10 });
    await eventually(async () => (await row.getByRole('slider').inputValue()) === '3');
    expect(dashboard.complaints).toEqual([]);
  });

  it('is sent once the hand rests on the slider, not at each step', async () => {
    const { proxy, origins, dashboard } = await started();
    const row = dashboard.row(origins[1]?.address ?? '');
    await row.getByRole('slider').focus();
    for (let i = 0; i < 9; i++) await dashboard.page.keyboard.press('ArrowRight');
    await row.locator('.note.ok').waitFor();
    expect(dashboard.asked.filter((path) => path.startsWith('PATCH')).length).toBeLessThan(5);
    await eventually(async () => (await json(proxy, '/stats')).clusters[0].endpoints[1].weight === 10);
  });

  it('that the proxy refuses is told beside it, and goes back to what is in service', async () => {
    const { origins, dashboard } = await started();
    const row = dashboard.row(origins[0]?.address ?? '');
    await weightOf(row).fill('100000000');
    await weightOf(row).press('Enter');
    await row.getByRole('alert').waitFor();
    expect(await row.getByRole('alert').innerText()).toMatch(/weight/);
    await eventually(async () => (await weightOf(row).inputValue()) === '1');
  });

  it('that somebody else changed meanwhile is not overwritten: the page says who did what', async () => {
    const { proxy, origins, dashboard } = await started();
    await dashboard.page.locator('#pause').click();
    await patch(proxy, endpointPath(origins[1]), { weight: 7 });
    const row = dashboard.row(origins[0]?.address ?? '');
    await weightOf(row).fill('5');
    await weightOf(row).press('Enter');
    await row.getByRole('alert').waitFor();
    expect(await row.getByRole('alert').innerText()).toMatch(/Changed meanwhile:\s+127\.0\.0\.1 at [\d:]+: clusters\.up\.endpoints\[1\]\.weight: not set → 7 \(version 2\)/);
    expect((await json(proxy, '/stats')).clusters[0].endpoints[0].weight).toBe(1);
    await dashboard.page.locator('#pause').click();
    await eventually(async () => (await weightOf(dashboard.row(origins[1]?.address ?? '')).inputValue()) === '7');
    await weightOf(row).fill('5');
    await weightOf(row).press('Enter');
    await row.locator('.note.ok').waitFor();
  });
});

describe('controls', () => {
  it('drain an endpoint, and take it back', async () => {
    const { proxy, origins, dashboard } = await started();
    const row = dashboard.row(origins[1]?.address ?? '');
    const drain = row.getByRole('switch', { name: 'Drain' });
    await drain.click();
    await row.locator('.note.ok').waitFor();
    expect(await answered(proxy, 20)).toEqual({ first: 20 });
    await eventually(async () => /draining/.test(await row.locator('td.health').innerText()) && (await drain.getAttribute('aria-checked')) === 'true');
    await drain.click();
    await eventually(async () => (await drain.getAttribute('aria-checked')) === 'false' && /available/.test(await row.locator('td.health').innerText()));
    expect(await answered(proxy, 20)).toEqual({ first: 10, second: 10 });
  });

  it('choose the policy of a cluster', async () => {
    const { proxy, dashboard } = await started();
    await dashboard.page.getByLabel('Policy').selectOption('leastRequest');
    await dashboard.page.locator('.choice .note.ok').waitFor();
    expect((await json(proxy, '/stats')).clusters[0].policy).toBe('leastRequest');
  });

  it('set the timeout of a route, and its faults', async () => {
    const { proxy, dashboard } = await started();
    await dashboard.show('routes');
    await dashboard.row('main/0/0').getByRole('button', { name: 'Details' }).click();
    const detail = dashboard.page.locator('.route-detail');
    await detail.getByLabel('Timeout').fill('2500ms');
    await detail.getByRole('button', { name: 'Apply' }).click();
    await detail.locator('form .note.ok').waitFor();
    expect((await json(proxy, '/config')).config.routes.main[0].routes[0].timeoutMs).toBe(2500);
    await detail.getByLabel('Timeout').fill('soon');
    await detail.getByRole('button', { name: 'Apply' }).click();
    await detail.getByRole('alert').waitFor();
    expect(await detail.getByRole('alert').innerText()).toMatch(/expected a duration/);
    await detail.getByLabel('Percent of the requests').fill('100');
    await detail.getByLabel('Status of the fault').fill('418');
    await detail.getByRole('switch', { name: 'Fault injection' }).click();
    await detail.locator('.fault .note.ok').waitFor();
    expect((await request(proxy.port(), '/')).status).toBe(418);
    await detail.getByRole('switch', { name: 'Fault injection' }).click();
    await eventually(async () => (await request(proxy.port(), '/')).status === 200);
  });

  it('share out a split anew', async () => {
    const [one, two] = await Promise.all(['one', 'two'].map((name) => HttpOrigin.start((_, response) => response.end(name))));
    const proxy = await Millrace.start({
      routes: { main: [{ hosts: ['*'], routes: [{ name: 'split', weightedClusters: [{ cluster: 'a', weight: 100 }, { cluster: 'b', weight: 0 }] }] }] },
      clusters: { a: { endpoints: [one?.address ?? ''] }, b: { endpoints: [two?.address ?? ''] } },
    } as never);
    const dashboard = await (await Dashboard.open(browser, proxy, { view: 'routes' })).live();
    expect(await answered(proxy, 10)).toEqual({ one: 10 });
    await dashboard.row('split').getByRole('button', { name: 'Details' }).click();
    const detail = dashboard.page.locator('.route-detail');
    await detail.getByRole('spinbutton', { name: 'Share of b' }).fill('100');
    await detail.getByRole('spinbutton', { name: 'Share of b' }).press('Enter');
    await detail.getByRole('spinbutton', { name: 'Share of a' }).fill('0');
    await detail.getByRole('spinbutton', { name: 'Share of a' }).press('Enter');
    await eventually(async () => (await json(proxy, '/config')).config.routes.main[0].routes[0].action.clusters[0].weight === 0);
    expect(await answered(proxy, 10)).toEqual({ two: 10 });
  });

  it('set the log level', async () => {
    const { proxy, dashboard } = await started();
    await dashboard.show('changes');
    await dashboard.page.getByLabel('Log level').selectOption('debug');
    await dashboard.page.locator('#log-level .note.ok').waitFor();
    expect((await json(proxy, '/log-level')).level).toBe('debug');
  });
});

describe('changes', () => {
  it('are listed with who made them, and rolled back', async () => {
    const { proxy, origins, dashboard } = await started();
    await patch(proxy, endpointPath(origins[0]), { weight: 4 });
    await dashboard.show('changes');
    await dashboard.reads('#audit', /127\.0\.0\.1[\s\S]*version 2[\s\S]*weight: not set → 4/);
    await dashboard.reads('#overrides', /weight: 4 \(file: not set;/);
    await dashboard.page.getByRole('button', { name: 'Roll back to 1' }).click();
    await dashboard.reads('#change-note', /Back at what version 1 said/);
    expect((await json(proxy, '/stats')).clusters[0].endpoints[0].weight).toBe(1);
    await dashboard.reads('#history', /Version 3\s*in service/);
    expect(dashboard.complaints).toEqual([]);
  });

  it('wait for their confirmation with a countdown, for everybody who looks', async () => {
    const { proxy, origins, dashboard } = await started();
    await dashboard.page.getByLabel('Changes hold').selectOption('60s');
    const row = dashboard.row(origins[0]?.address ?? '');
    await weightOf(row).fill('6');
    await weightOf(row).press('Enter');
    await row.locator('.note.ok', { hasText: 'to be confirmed' }).waitFor();
    const other = await (await Dashboard.open(browser, proxy)).live();
    for (const each of [dashboard, other]) await each.reads('#pending', /Rolled back in (60|5\d) s/);
    await other.page.getByRole('button', { name: 'Roll back now' }).click();
    await eventually(async () => (await json(proxy, '/stats')).clusters[0].endpoints[0].weight === 1);
    for (const each of [dashboard, other]) await each.page.locator('#pending').waitFor({ state: 'hidden' });
    await eventually(async () => (await weightOf(row).inputValue()) === '1');
    await weightOf(row).fill('8');
    await weightOf(row).press('Enter');
    await dashboard.page.getByRole('button', { name: 'Confirm' }).click();
    await dashboard.page.locator('#pending').waitFor({ state: 'hidden' });
    expect((await json(proxy, '/config/history')).pending).toBeNull();
    expect((await json(proxy, '/stats')).clusters[0].endpoints[0].weight).toBe(8);
  });
});

describe('an explanation', () => {
  it('names the route, and why the others were not taken', async () => {
    const proxy = await Millrace.start({
      routes: { main: [{ hosts: ['*'], routes: [{ name: 'tenants', match: { pathPrefix: '/', headers: { 'x-tenant': 'acme' } }, cluster: 'up' }, { name: 'rest', match: { pathPrefix: '/' }, respond: { status: 404, body: 'none' } }] }] },
      clusters: { up: { endpoints: ['127.0.0.1:9'] } },
    } as never);
    const dashboard = await (await Dashboard.open(browser, proxy, { view: 'explain' })).live();
    await dashboard.page.getByRole('button', { name: 'Explain' }).click();
    await dashboard.reads('#explain-result', /tenants[\s\S]*x-tenant[\s\S]*rest[\s\S]*taken/);
    await dashboard.page.getByLabel('Headers').fill('x-tenant: acme');
    await dashboard.page.getByRole('button', { name: 'Explain' }).click();
    await dashboard.reads('#explain-result', /tenants[\s\S]*taken[\s\S]*Cluster up[\s\S]*127\.0\.0\.1:9/);
    await dashboard.page.getByLabel('Headers').fill('no colon');
    await dashboard.page.getByRole('button', { name: 'Explain' }).click();
    await dashboard.reads('#explain-result', /a header is "name: value"/);
    expect(dashboard.complaints).toEqual([]);
  });
});
