import { isLoopback, parseListenAddress } from './address.ts';
import { isRefusal } from './parsing.ts';
import { excluding, list, mapping, uniqueness, type Report } from './raw.ts';

/** Who can reach the endpoint, and with what. What the secrets in files are like is checked where those are read. */
export function checkAdmin(admin: unknown, report: Report): void {
  const { address, tokens } = mapping(admin);
  const parsed = typeof address === 'string' ? parseListenAddress(address) : undefined;
  if (parsed !== undefined && !isRefusal(parsed) && !isLoopback(parsed.host) && tokens === undefined) {
    report(
      ['admin', 'address'],
      `whoever reaches the admin endpoint controls the proxy, and ${parsed.host} is not a loopback address`,
      'use 127.0.0.1, or say who may with tokens: [{ name: ops, file: admin-token }]',
    );
  }
  const uniqueName = uniqueness('the name', report);
  for (const [index, value] of list(tokens).entries()) {
    const path = ['admin', 'tokens', index];
    const entry = mapping(value);
    uniqueName(entry['name'], [...path, 'name'], (at) => `admin.tokens[${String(at[2])}]`);
    if (value === entry && excluding(path, entry, ['token', 'file'], report).length === 0) report(path, 'it has no secret', 'add file: <path>, or token: <16 characters or more>');
  }
}
