import { extname } from 'node:path';
import type { ConfigFiles } from './files.ts';
import type { ParsedRespond } from './schema-respond.ts';
import type { RespondConfig } from './types.ts';

/** Types of the files that a direct response is likely to serve. */
const TYPE_BY_EXTENSION: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.xml': 'application/xml',
};

export function buildRespond(parsed: ParsedRespond, files: ConfigFiles): RespondConfig {
  const body =
    parsed.bodyFile === undefined
      ? Buffer.from(parsed.body ?? '')
      : (files.content(parsed.bodyFile) ?? Buffer.alloc(0));
  const headers = Object.entries(parsed.headers);
  if (body.length > 0 && !Object.hasOwn(parsed.headers, 'content-type')) {
    const extension = parsed.bodyFile === undefined ? '.txt' : extname(parsed.bodyFile).toLowerCase();
    headers.push(['content-type', TYPE_BY_EXTENSION[extension] ?? 'application/octet-stream']);
  }
  return { status: parsed.status, body: Uint8Array.from(body), headers };
}
