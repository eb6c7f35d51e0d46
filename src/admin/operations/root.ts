/** The way in: the list of operations for people at a terminal, the dashboard for browsers. */
import { problem, text, TEXT_TYPE, type AdminAnswer } from '../answer.ts';
import { ASSET_TYPES, type Asset } from '../assets.ts';
import { operation, type Operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';
import { errorSchema } from './no-config.ts';

/**
 * The page takes scripts, styles and numbers from here only, sends nothing elsewhere, and is shown in no frame. No inline scripts
 * and no inline styles: names of routes and clusters are on the page, and must stay texts.
 */
const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const ROOT = [
  operation({
    method: 'GET',
    path: '/',
    summary: 'this list; the dashboard for a browser',
    description: 'The dashboard when Accept names text/html, else the list of operations.',
    access: 'open',
    query: NO_QUERY,
    body: null,
    answers: [
      { status: 200, description: 'every operation, one per line, or the page', types: [TEXT_TYPE, 'text/html; charset=utf-8'] },
      { status: 304, description: 'the page has not changed', types: [] },
    ],
    handle({ admin, accept, ifNoneMatch }) {
      const page = wantsPage(accept) ? admin.assets.get('index.html') : undefined;
      return page === undefined ? { ...text(200, listText(admin.operations)), headers: { vary: 'accept' } } : served(page, ifNoneMatch);
    },
  }),
  operation({
    method: 'GET',
    path: '/ui/{file}',
    summary: 'files of the dashboard',
    access: 'open',
    query: NO_QUERY,
    body: null,
    answers: [
      { status: 200, description: 'the file', types: Object.values(ASSET_TYPES) },
      { status: 304, description: 'the file has not changed', types: [] },
      { status: 404, description: 'there is no such file', schema: errorSchema },
    ],
    handle({ admin, params, ifNoneMatch }) {
      const asset = admin.assets.get(params.file);
      return asset === undefined ? problem(404, `the dashboard has no file ${JSON.stringify(params.file)}: open / in a browser`) : served(asset, ifNoneMatch);
    },
  }),
];

function served({ type, body, etag }: Asset, ifNoneMatch: string): AdminAnswer {
  const known = ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag) || ifNoneMatch.trim() === '*';
  // Asked again each time, so that the files of one release are never mixed with those of another.
  const headers = { etag, 'cache-control': 'no-cache', 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer', vary: 'accept' };
  return known ? { status: 304, type, body: '', headers } : { status: 200, type, body, headers };
}

/** A browser that opens a page names text/html; curl and scrapers take anything, which is not the same. */
function wantsPage(accept: string): boolean {
  return accept.split(',').some((range) => range.split(';', 1)[0]?.trim().toLowerCase() === 'text/html');
}

function listText(operations: readonly Operation[]): string {
  const rows = operations.map(({ method, path, summary }) => ({ name: `${method.padEnd(6)} ${path}`, summary }));
  const width = Math.max(...rows.map(({ name }) => name.length));
  return ['Millrace admin', '', ...rows.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}`), ''].join('\n');
}
