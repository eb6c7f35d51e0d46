import { isIPv4, isIPv6 } from 'node:net';
import { refuse, type Refusal } from './parsing.ts';
import type { Cidr } from './types.ts';

export interface ListenAddress {
  host: string;
  port: number;
}

/** Where an endpoint was configured to be; `name` still has to be resolved. */
export type EndpointAddress =
  | { kind: 'unix'; path: string }
  | { kind: 'ip'; host: string; family: 'ipv4' | 'ipv6'; port: number }
  | { kind: 'name'; host: string; port: number };

/** sun_path holds 108 bytes with its terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107;
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

function splitHostPort(text: string): ListenAddress | Refusal {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) {
    if (isIPv6(text.replace(/:\d+$/, '')) || isIPv6(text)) {
      return refuse(`expected "[v6]:port", not ${JSON.stringify(text)}`, 'put the IPv6 address in brackets');
    }
    if (/^https?:/i.test(text)) return refuse('expected "host:port", not a URL', 'leave out the scheme and the path');
    if (/^[^:]+$/.test(text)) return refuse(`${JSON.stringify(text)} has no port`, `write ${text}:<port>`);
    return refuse(`expected "host:port" or "[v6]:port", not ${JSON.stringify(text)}`);
  }
  const port = Number(match[3]);
  if (port > 65_535) return refuse(`port ${port} is above 65535`);
  if (match[1] !== undefined) {
    if (!isIPv6(match[1])) return refuse(`${JSON.stringify(match[1])} is not an IPv6 address`);
    return { host: match[1], port };
  }
  const host = match[2] ?? '';
  if (host === '') return refuse('the host before the port is empty');
  // A name of digits and dots only is a mistyped IPv4 address; resolvers would read 10.1 as 10.0.0.1.
  if (/^[\d.]+$/.test(host) && !isIPv4(host)) return refuse(`${JSON.stringify(host)} is not an IPv4 address`);
  return { host, port };
}

/** Address to accept on: an IP address or `localhost`, since a name could mean a different interface on every start. */
export function parseListenAddress(text: string): ListenAddress | Refusal {
  if (text.startsWith('unix:')) return refuse('a listener needs "host:port"; unix sockets are for endpoints only');
  if (/^\*?:\d+$/.test(text))
    return refuse(
      `${JSON.stringify(text)} names no interface`,
      `for all of them write 0.0.0.0:${text.replace(/^\*?:/, '')}`,
    );
  const parsed = splitHostPort(text);
  if ('refused' in parsed) return parsed;
  if (parsed.host === 'localhost') return { host: '127.0.0.1', port: parsed.port };
  if (!isIPv4(parsed.host) && !isIPv6(parsed.host)) {
    return refuse(
      `a listener needs an IP address, not the name ${JSON.stringify(parsed.host)}`,
      'for example 0.0.0.0 or 127.0.0.1',
    );
  }
  return parsed;
}

export function parseEndpointAddress(text: string): EndpointAddress | Refusal {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!path.startsWith('/'))
      return refuse('expected an absolute path after "unix:"', 'for example unix:/run/app.sock');
    if (path.includes('\0')) return refuse('the socket path holds a NUL character');
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
      return refuse(`the socket path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`);
    return { kind: 'unix', path };
  }
  if (text.startsWith('/')) return refuse('expected "host:port" or "unix:/path"', `write unix:${text}`);
  const parsed = splitHostPort(text);
  if ('refused' in parsed) return parsed;
  const { host, port } = parsed;
  if (port === 0) return refuse('the port of an endpoint is 1 to 65535');
  if (isIPv4(host)) return { kind: 'ip', family: 'ipv4', host, port };
  if (isIPv6(host)) {
    if (host.includes('%'))
      return refuse('an IPv6 zone is not supported', 'use an address of global or unique-local scope');
    return { kind: 'ip', family: 'ipv6', host, port };
  }
  if (!HOST_NAME.test(host)) return refuse(`${JSON.stringify(host)} is not a host name`);
  return { kind: 'name', host: host.toLowerCase(), port };
}

export function isLoopback(host: string): boolean {
  return (
    (isIPv4(host) && host.startsWith('127.')) ||
    (isIPv6(host) && ipBytes(host).every((byte, i) => byte === (i === 15 ? 1 : 0)))
  );
}

/** The 4 or 16 bytes of a valid IP address, in network order. */
export function ipBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  let text = address.replace(/%.*$/, '');
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = (embedded[2] ?? '').split('.').map(Number);
    text = `${embedded[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  );
}

/** Text of 4 or 16 address bytes; IPv6 with its longest run of zero groups shortened (RFC 5952). */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > longest.length) longest = { start, length };
  }
  if (longest.length < 2) return groups.join(':');
  return `${groups.slice(0, longest.start).join(':')}::${groups.slice(longest.start + longest.length).join(':')}`;
}

export function parseCidr(text: string): Cidr | Refusal {
  const [address = '', bitsText, ...rest] = text.split('/');
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : undefined;
  if (family === undefined || rest.length > 0)
    return refuse(`expected an address range such as 10.0.0.0/8 or fd00::/8, not ${JSON.stringify(text)}`);
  const width = family === 'ipv4' ? 32 : 128;
  if (bitsText !== undefined && !/^\d{1,3}$/.test(bitsText))
    return refuse(`${JSON.stringify(bitsText)} is not a prefix length`);
  const prefixBits = bitsText === undefined ? width : Number(bitsText);
  if (prefixBits > width) return refuse(`prefix length ${prefixBits} is above ${width}`);
  const bytes = ipBytes(address);
  const network = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixBits - 8 * i))));
  if (bytes.some((byte, i) => byte !== network[i])) {
    return refuse(`${text} has bits set behind its prefix length`, `write ${ipText(network)}/${prefixBits}`);
  }
  const word = (i: number) => network.slice(4 * i, 4 * i + 4).reduce((sum, byte) => sum * 256 + byte, 0);
  return { family, prefixBits, words: [word(0), word(1), word(2), word(3)] };
}
