import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadAssets } from '../../../src/admin/assets.ts';
import { workDirectory } from '../control/support.ts';
import { adminServer, ask, view, type Answer } from './support.ts';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

function folder(): string {
  const directory = workDirectory();
  writeFileSync(join(directory, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(directory, 'page.js'), 'export const a = 1;');
  writeFileSync(join(directory, 'page.css'), 'body { margin: 0 }');
  writeFileSync(join(directory, 'notes.txt'), 'not for everybody');
  mkdirSync(join(directory, 'sub.js'));
  return directory;
}

async function asking(): Promise<(path: string, headers?: Record<string, string>, method?: string) => Promise<Answer>> {
  const server = await adminServer(await view(), '127.0.0.1', { assets: loadAssets(folder()) });
  return (path, headers = {}, method = 'GET') => ask(server, path, { headers, method });
}

describe('the files of the dashboard', () => {
  it('are served with their types, and nothing else of their folder', async () => {
    const get = await asking();
    expect(await get('/ui/page.js')).toMatchObject({ status: 200, body: 'export const a = 1;', headers: { 'content-type': 'text/javascript; charset=utf-8', 'x-content-type-options': 'nosniff' } });
    expect((await get('/ui/page.css')).headers['content-type']).toBe('text/css; charset=utf-8');
    for (const path of ['/ui/notes.txt', '/ui/sub.js', '/ui/..%2Findex.html', '/ui/%2e%2e', '/ui/../package.json', '/ui/', '/ui', '/ui/index.html%00']) expect((await get(path)).status, path).toBe(404);
  });

  it('hold uPlot as its package has it', async () => {
    const get = await asking();
    const script = await get('/ui/uPlot.esm.js');
    expect(script.status).toBe(200);
    expect(script.body).toBe(readFileSync(join(createRequire(import.meta.url).resolve('uplot'), '../uPlot.esm.js'), 'utf8'));
    expect((await get('/ui/uPlot.min.css')).headers['content-type']).toBe('text/css; charset=utf-8');
  });

  it('are the page at / for a browser, and a list for everybody else', async () => {
    const get = await asking();
    expect(await get('/', { accept: BROWSER })).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8', vary: 'accept' }, body: '<!doctype html><title>page</title>' });
    for (const accept of ['*/*', 'application/json', 'text/plain, */*']) expect((await get('/', { accept })).headers['content-type'], accept).toBe('text/plain; charset=utf-8');
  });

  it('may run and load what comes from here only', async () => {
    const get = await asking();
    for (const path of ['/', '/ui/page.js']) {
      const policy = String((await get(path, { accept: BROWSER })).headers['content-security-policy']).split('; ');
      expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"]));
      expect(policy.join()).not.toContain('unsafe');
    }
  });

  it('are not sent again when they have not changed', async () => {
    const get = await asking();
    const { etag = '' } = (await get('/ui/page.js')).headers as { etag?: string };
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) expect(await get('/ui/page.js', { 'if-none-match': header }), header).toMatchObject({ status: 304, body: '', headers: { etag } });
    expect((await get('/ui/page.js', { 'if-none-match': '"other"' })).status).toBe(200);
    expect((await get('/ui/page.css', { 'if-none-match': etag })).status).toBe(200);
  });

  it('answer HEAD', async () => {
    const get = await asking();
    expect(await get('/ui/page.css', {}, 'HEAD')).toMatchObject({ status: 200, body: '', headers: { 'content-length': '18' } });
  });
});
