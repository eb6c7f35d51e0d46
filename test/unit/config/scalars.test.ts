import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  ipBytes,
  ipText,
  isLoopback,
  parseCidr,
  parseEndpointAddress,
  parseListenAddress,
} from '../../../src/config/address.ts';
import { hash32 } from '../../../src/config/hash.ts';
import { capacityFor } from '../../../src/config/hash-table.ts';
import { editDistance, nearest } from '../../../src/config/nearest.ts';
import { parseHostPattern, parsePath, underscoreName } from '../../../src/config/schema-scalars.ts';
import { formatDuration, parseDuration } from '../../../src/core/duration.ts';
import { formatProblem } from '../../../src/core/errors.ts';
import { formatSize, parseSize } from '../../../src/core/size.ts';

describe('durations', () => {
  it('have a unit', () => {
    expect(['250ms', '5s', '1m', '2h', '1.5s', 0, '0'].map((text) => parseDuration(text))).toEqual([
      250, 5_000, 60_000, 7_200_000, 1_500, 0, 0,
    ]);
    for (const bad of ['5', '5 s', 's', '-1s', '1d', '0.5ms', '1e3s', '597h', 5, ''])
      expect(parseDuration(bad), String(bad)).toBeUndefined();
  });

  it('are printed so that they parse to the same', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 0x7fff_ffff }), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('sizes', () => {
  it('have a binary unit or are bytes', () => {
    expect(['64KiB', '1MiB', '100B', '1.5KiB', '1TiB', 7].map((text) => parseSize(text))).toEqual([
      65_536,
      1_048_576,
      100,
      1_536,
      2 ** 40,
      7,
    ]);
    for (const bad of ['64KB', '64k', '1.3B', '', '-1B', -1, 1.5, Number.NaN, Infinity])
      expect(parseSize(bad), String(bad)).toBeUndefined();
  });

  it('are printed so that they parse to the same', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});

describe('addresses', () => {
  it('of listeners are IP addresses with a port', () => {
    expect(parseListenAddress('0.0.0.0:8080')).toEqual({ host: '0.0.0.0', port: 8080 });
    expect(parseListenAddress('[::1]:0')).toEqual({ host: '::1', port: 0 });
    expect(parseListenAddress('localhost:80')).toEqual({ host: '127.0.0.1', port: 80 });
    for (const bad of [
      'example.com:80',
      ':80',
      '*:80',
      '::1:80',
      '1.2.3.4',
      '1.2.3:80',
      '1.2.3.4:65536',
      '[1.2.3.4]:80',
      'unix:/x',
      'http://a:80',
      '',
    ]) {
      expect(parseListenAddress(bad), bad).toHaveProperty('refused');
    }
  });

  it('of endpoints are IP addresses, host names or unix sockets', () => {
    expect(parseEndpointAddress('127.0.0.1:9001')).toEqual({
      kind: 'ip',
      family: 'ipv4',
      host: '127.0.0.1',
      port: 9001,
    });
    expect(parseEndpointAddress('[fd00::1]:80')).toEqual({ kind: 'ip', family: 'ipv6', host: 'fd00::1', port: 80 });
    expect(parseEndpointAddress('Api.internal:80')).toEqual({ kind: 'name', host: 'api.internal', port: 80 });
    expect(parseEndpointAddress('unix:/run/app.sock')).toEqual({ kind: 'unix', path: '/run/app.sock' });
    for (const bad of [
      'unix:app.sock',
      `unix:/${'x'.repeat(107)}`,
      '/run/app.sock',
      'a b:80',
      'a:0',
      'a',
      '10.1:80',
      '[fe80::1%eth0]:80',
      '-a:80',
      'unix:/a\0b',
    ]) {
      expect(parseEndpointAddress(bad), bad).toHaveProperty('refused');
    }
  });

  it('become bytes and text again', () => {
    expect([...ipBytes('10.1.2.3')]).toEqual([10, 1, 2, 3]);
    expect([...ipBytes('::ffff:1.2.3.4')].slice(10)).toEqual([255, 255, 1, 2, 3, 4]);
    for (const text of ['::', '::1', '1::', '2001:db8::1:0:0:2', 'fe80::1', '1:2:3:4:5:6:7:8', '0:1:0:1:0:1:0:1'])
      expect(ipText(ipBytes(text))).toBe(text);
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(ipBytes(ipText(ipBytes(text)))).toEqual(ipBytes(text));
      }),
    );
  });

  it('know the loopback', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '0.0.0.0', '::', '10.0.0.1'].map(isLoopback)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('of trusted ranges have no bits behind their prefix', () => {
    expect(parseCidr('10.0.0.0/8')).toEqual({ family: 'ipv4', prefixBits: 8, words: [0x0a00_0000, 0, 0, 0] });
    expect(parseCidr('192.0.2.255')).toEqual({ family: 'ipv4', prefixBits: 32, words: [0xc000_02ff, 0, 0, 0] });
    expect(parseCidr('fd00::/9')).toEqual({ family: 'ipv6', prefixBits: 9, words: [0xfd00_0000, 0, 0, 0] });
    expect(parseCidr('0.0.0.0/0')).toMatchObject({ prefixBits: 0 });
    expect(parseCidr('10.1.0.0/8')).toMatchObject({ hint: 'write 10.0.0.0/8' });
    for (const bad of ['10.0.0.0/33', 'x/8', '10.0.0.0/8/8', '::/129', '10.0.0.0/'])
      expect(parseCidr(bad), bad).toHaveProperty('refused');
  });
});

describe('host patterns', () => {
  it('are exact names, one leading wildcard, or the wildcard alone', () => {
    expect(['Api.Example.com', '*.X.org', '*', '[::1]', '127.0.0.1', 'a_b'].map(parseHostPattern)).toEqual([
      'api.example.com',
      '*.x.org',
      '*',
      '[::1]',
      '127.0.0.1',
      'a_b',
    ]);
    for (const bad of [
      'a.*',
      '*a.com',
      '*.*.com',
      'a:80',
      'a.',
      '',
      'a..b',
      'http://a',
      'münchen.de',
      '*.',
      '.a',
      'a b',
    ])
      expect(parseHostPattern(bad), bad).toHaveProperty('refused');
    expect(parseHostPattern('münchen.de')).toMatchObject({ hint: 'write xn--mnchen-3ya.de' });
  });
});

describe('paths', () => {
  it('are in the one form that requests are brought to', () => {
    for (const good of ['/', '/a/b/', '/a%20b', '/~x', '/a;v=1', '/.well-known/x', '/...'])
      expect(parsePath(good)).toBe(good);
    for (const bad of [
      '',
      'a',
      '/a?b',
      '/a#b',
      '/a b',
      '/é',
      '/%',
      '/%4',
      '/%41',
      '/%2e',
      '/%c3',
      '/a/../b',
      '/.',
      '/a\\b',
      '/%00',
      '/..%2Fb',
      '/a%5C.',
    ]) {
      expect(parsePath(bad), bad).toHaveProperty('refused');
    }
    expect(parsePath('/%41%c3')).toMatchObject({ hint: 'write /A%C3' });
    expect(parsePath('/é')).toMatchObject({ hint: 'write /%C3%A9' });
  });
});

describe('header names with an underscore', () => {
  it('may be let through unless they stand for a header of the proxy, of framing or of trust', () => {
    for (const good of ['x_tenant', 'X_A-b', '_', 'user_agent_x', 'my_content_type'])
      expect(z.safeParse(underscoreName, good), good).toMatchObject({ success: true, data: good.toLowerCase() });
    for (const bad of ['x-tenant', 'a b', 'x_forwarded_for', 'X_Forwarded-Proto', 'x_request_id', 'content_length', 'transfer_encoding', 'x_real_ip', 'proxy_authorization', 'max_forwards', 'sec_fetch_site', 'keep_alive'])
      expect(z.safeParse(underscoreName, bad).success, bad).toBe(false);
  });
});

describe('suggestions', () => {
  it('count a swap of neighbours as one edit', () => {
    expect([editDistance('', 'abc'), editDistance('abc', 'acb'), editDistance('kitten', 'sitting')]).toEqual([3, 1, 3]);
  });

  it('are near words, whatever their case and separators', () => {
    const keys = ['path', 'pathPrefix', 'pathRegex', 'methods', 'headers', 'query'];
    expect(
      ['path_prefix', 'PathPrefix', 'pathPrefx', 'method', 'header', 'zzz', 'x'.repeat(1_000)].map((word) =>
        nearest(word, keys),
      ),
    ).toEqual(['pathPrefix', 'pathPrefix', 'pathPrefix', 'methods', 'headers', undefined, undefined]);
  });
});

describe('murmur3', () => {
  it('agrees with the published vectors', () => {
    const hash = (text: string, seed: number) => hash32(Buffer.from(text), seed);
    expect(hash('', 0)).toBe(0);
    expect(hash('', 1)).toBe(0x514e28b7);
    expect(hash('test', 0)).toBe(0xba6bd213);
    expect(hash('Hello, world!', 0)).toBe(0xc0363e43);
    expect(hash('aaaa', 0x9747b28c)).toBe(0x5a97808a);
    expect(hash('abc', 0)).toBe(0xb3dd93fa);
    expect(hash('ab', 0)).toBe(0x9bbfd75f);
  });

  it('tables are at most half full', () => {
    expect([0, 1, 2, 3, 4, 5, 1_000].map(capacityFor)).toEqual([0, 2, 4, 8, 8, 16, 2_048]);
  });
});

describe('problems', () => {
  it('are printed on one line, with what is known', () => {
    expect(
      formatProblem({ file: 'a.yaml', line: 3, column: 5, path: 'x.y', message: 'wrong', hint: 'did you mean z?' }),
    ).toBe('a.yaml:3:5: x.y: wrong (did you mean z?)');
    expect(formatProblem({ file: 'a.ts', line: 0, column: 0, path: '', message: 'wrong' })).toBe('a.ts: wrong');
  });
});
