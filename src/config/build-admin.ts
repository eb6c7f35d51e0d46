import { createHash } from 'node:crypto';
import { required, type ConfigFiles } from './files.ts';
import type { ParsedAdmin } from './schema-admin.ts';
import type { AdminConfig } from './types.ts';

export function buildAdmin(parsed: ParsedAdmin, files: ConfigFiles): AdminConfig | null {
  if (parsed === false) return null;
  return {
    ...parsed.address,
    tokens: (parsed.tokens ?? []).map(({ name, token, file, readOnly }) => ({ name, readOnly, digest: tokenDigest(token ?? required(files.token(required(file)))) })),
  };
}

/** SHA-256 in hexadecimal. A fast hash will do: the secrets are long, and are held in memory only. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
