/** The dashboard's files: read once, served from memory. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Asset {
  type: string;
  body: Uint8Array;
  /** Strong: a hash of the contents, in its quotes. */
  etag: string;
}

/** By file name: the folder is flat. */
export type Assets = ReadonlyMap<string, Asset>;

const DIRECTORY = fileURLToPath(new URL('./dashboard/', import.meta.url));
/** From the package, as they are. */
const UPLOT = ['uPlot.esm.js', 'uPlot.min.css'] as const;

/** Files of other kinds (a note, an editor's backup) are not served. */
export const ASSET_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

export function loadAssets(directory = DIRECTORY): Assets {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'));
  const assets = new Map<string, Asset>();
  for (const file of [...UPLOT.map((name) => join(uplot, name)), ...filesOf(directory)]) {
    const type = ASSET_TYPES[extname(file)];
    if (type === undefined) continue;
    const body = readFileSync(file);
    assets.set(file.slice(dirname(file).length + 1), { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` });
  }
  return assets;
}

function filesOf(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => join(directory, name));
}
