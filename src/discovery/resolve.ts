import { lookup } from 'node:dns/promises';
import { errorMessage } from '../core/errors.ts';
import type { HostResolution } from '../config/endpoints.ts';

const REASONS: Record<string, string> = {
  ENOTFOUND: 'there is no such host name',
  ENODATA: 'the name has no address',
  EAI_AGAIN: 'the name servers do not answer',
  EAI_NODATA: 'the name has no address',
  EAI_NONAME: 'there is no such host name',
};

/**
 * Addresses of a host name, from the system's resolver (so /etc/hosts counts). Sorted, IPv4 first: resolvers rotate
 * their answers, and an unchanged set must give an unchanged image.
 */
export async function resolveHost(host: string): Promise<HostResolution> {
  try {
    const answers = await lookup(host, { all: true, verbatim: true });
    const unique = new Map(
      answers.map(({ address, family }) => [address, family === 6 ? ('ipv6' as const) : ('ipv4' as const)]),
    );
    const addresses = [...unique].map(([address, family]) => ({ address, family }));
    addresses.sort((a, b) => (a.family === b.family ? (a.address < b.address ? -1 : 1) : a.family < b.family ? -1 : 1));
    return addresses.length > 0 ? { addresses } : { error: 'the name has no address' };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return { error: REASONS[code] ?? errorMessage(error) };
  }
}
