/**
 * The check of request heads against Node's own HTTP server on generated heads, in every form that the listener lets through: what
 * is accepted here, Node's strict parser must accept and read alike. Node may accept more; a row of the table says what, and why not here.
 * MILLRACE_DIFFERENTIAL_MESSAGES and MILLRACE_DIFFERENTIAL_SEED make longer and other runs.
 */
import { METHODS } from 'node:http';
import { expect, it } from 'vitest';
import { parseRequest } from '../../../src/binding/messages.ts';
import { Draw } from './draw.ts';
import { makeRequest, wireOf, type RequestMessage } from './request-messages.ts';
import { serveWithNode } from './wire.ts';

const MESSAGES = Number(process.env['MILLRACE_DIFFERENTIAL_MESSAGES'] ?? 6_000);
const SEED = Number(process.env['MILLRACE_DIFFERENTIAL_SEED'] ?? 1);

const values = ({ fields }: RequestMessage, name: string): string[] => fields.filter(([key]) => key === name).map(([, value]) => value);
const path = ({ target }: RequestMessage): string => target.split('?')[0]!;

/** What Node's server accepts and the proxy does not. */
const STRICTER: { name: string; why: string; holds: (message: RequestMessage) => boolean }[] = [
  {
    name: 'transfer codings beside chunked',
    why: 'nothing behind the proxy needs them, and servers disagree on what is the last of "gzip, chunked" or of two lines (RFC 9112 6.1; CWE-444). 501, as nginx',
    holds: (message) => values(message, 'transfer-encoding').length > 1 || values(message, 'transfer-encoding').some((value) => value.toLowerCase() !== 'chunked'),
  },
  {
    name: 'two Host lines, or one that is no host',
    why: 'RFC 9112 3.2 wants 400 for both; Node leaves it to the application. The proxy routes by it',
    holds: (message) => values(message, 'host').length > 1 || values(message, 'host').some((value) => !/^([a-z0-9._~%!$&'()*+,;=-]*[a-z0-9_~-]\.?|\[[0-9a-f:.]+\])(:\d*)?$/i.test(value) || /:\d{6,}$/.test(value) || value.includes(',') || value.includes('..')),
  },
  {
    name: 'paths that upstreams read differently',
    why: 'an escaped slash, backslash or NUL, a broken escape, and a plain backslash: a rule on a path must not be passed by another spelling of it',
    holds: (message) => /%(?![0-9a-f]{2})|%2f|%5c|%00|\\/i.test(path(message)),
  },
  {
    name: 'fragments, and bytes that must be escaped',
    why: 'RFC 9112 3.2: a target has no fragment, and RFC 3986 2 no control bytes and nothing beyond ASCII',
    holds: ({ target }) => /[^\x21-\x7e]|#/.test(target),
  },
  {
    name: 'CONNECT and TRACE',
    why: 'Node hands both to the application. A tunnel is no proxied request, and TRACE shows credentials to scripts (RFC 9110 9.3.8)',
    holds: ({ method }) => method === 'CONNECT' || method === 'TRACE',
  },
  {
    name: 'lengths of more than 15 digits',
    why: 'llhttp counts to 2^64; the proxy stops at 10^15, which is exact in a double',
    holds: (message) => values(message, 'content-length').some((value) => /^\d{16,}$/.test(value)),
  },
  {
    name: 'an unknown expectation beside 100-continue',
    why: 'Node looks for 100-continue anywhere in all lines together, and answers 417 only without it. RFC 9110 10.1.1 lets one unknown expectation fail the request',
    holds: (message) => values(message, 'expect').some((value) => value.toLowerCase() !== '100-continue'),
  },
  {
    name: 'Connection that is no list of tokens',
    why: 'RFC 9110 7.6.1: what it names is removed, and nobody knows what "x y" names',
    holds: (message) => values(message, 'connection').some((value) => value.split(',').some((option) => /[^!#$%&'*+\-.^_`|~0-9a-z]/i.test(option.trim()))),
  },
  {
    name: 'Max-Forwards that is no number',
    why: 'RFC 9110 7.6.2: the proxy has to count it down',
    holds: (message) => values(message, 'max-forwards').length > 1 || values(message, 'max-forwards').some((value) => !/^\d+$/.test(value)),
  },
];

/** Methods have no list in HTTP: any token is one (RFC 9110 9.1). Node knows those that it has a constant for. */
const isUnknownToNode = ({ method }: RequestMessage): boolean => /^[!#$%&'*+\-.^_`|~0-9a-z]{1,32}$/i.test(method) && !METHODS.includes(method);

it('accepts no request that Node refuses, and refuses nothing without a written reason', { timeout: 300_000 }, async () => {
  const seen = new Map<string, number>();
  const count = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (let i = 0; i < MESSAGES; i++) {
    const message = makeRequest(new Draw(SEED * 1_000_003 + i));
    const ours = parseRequest(message.method, message.target, message.fields);
    const node = await serveWithNode(wireOf(message));
    const told = JSON.stringify({ message, ours, node });
    if (ours.error === undefined && node.accepted) {
      count('both accept');
      expect([ours.method, message.fields.flat()], told).toEqual([node.method, node.fields]);
      expect(ours.chunked, told).toBe(values(message, 'transfer-encoding').length > 0);
      expect(ours.contentLength, told).toBe(values(message, 'content-length').map(Number)[0]);
    } else if (ours.error === undefined) {
      expect(isUnknownToNode(message), told).toBe(true);
      count('a method that Node does not know');
    } else if (node.accepted) {
      const row = STRICTER.find(({ holds }) => holds(message));
      expect(row?.name, told).toBeDefined();
      count(row!.name);
    } else {
      count('both refuse');
    }
  }
  // Each row is met, or nobody would see that it has become wrong; the last one is for what is not refused by every build.
  for (const name of ['both accept', 'both refuse', 'a method that Node does not know', ...STRICTER.slice(0, -1).map(({ name }) => name)]) {
    expect(seen.get(name) ?? 0, name).toBeGreaterThan(0);
  }
});
