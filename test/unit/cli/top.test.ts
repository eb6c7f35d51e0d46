import { describe, expect, it } from 'vitest';
import { adminUrl, type StatsAnswer } from '../../../src/cli/top-client.ts';
import { age, bytes, count, duration, percent, rate } from '../../../src/cli/top-format.ts';
import { frame, type FrameOptions } from '../../../src/cli/top-frame.ts';
import { shownOf } from '../../../src/cli/top-model.ts';
import { COLORS, NO_COLORS, tableLines, type TopColumn } from '../../../src/cli/top-table.ts';

type Endpoint = NonNullable<StatsAnswer['clusters'][number]['endpoints']>[number];

const responses = (failed: number, ok = 0) => ({ '1xx': 0, '2xx': ok, '3xx': 0, '4xx': 0, '5xx': failed, none: 0 });

function endpoint(address: string, more: Partial<Endpoint> = {}): Endpoint {
  return { address, weight: 1, drain: false, priority: 0, backup: false, zone: null, health: { state: 'available', reasons: [], since: null, until: null }, active: 0, requests: 0, responses: 0, failures: 0, ...more };
}

/** `seconds` after the first one. */
function answer(seconds: number, { requests = 0, failed = 0, endpoints = [endpoint('10.0.0.1:80')], name = 'up' } = {}): StatsAnswer {
  return {
    at: new Date(1_700_000_000_000 + seconds * 1000).toISOString(),
    version: 3,
    uptimeMs: 60_000 + seconds * 1000,
    process: { rssBytes: 1024, cpuSeconds: seconds / 2, connections: 5, requests, bytesReceived: 0, bytesSent: 100 * requests, flags: failed === 0 ? {} : { UF: failed }, webSockets: 0 },
    workers: [{ id: 0, state: 'running', restarts: 0 }, { id: 1, state: 'starting', restarts: 1 }],
    listeners: [{ name: 'web', requests, active: 2, connections: 5, responses: responses(failed, requests - failed), bytesReceived: 0, bytesSent: 0 }],
    routes: [],
    clusters: [{ name, policy: 'roundRobin', requests, active: 2, pending: 0, responses: responses(failed, requests - failed), retries: 0, hedges: 0, breaker: null, endpoints }],
  };
}

const OPTIONS: FrameOptions = { view: 'endpoints', scroll: 0, name: 'localhost:9901', width: 100, height: 30, style: NO_COLORS, problem: null, keys: true, paused: false };

describe('rates', () => {
  it('are the difference of two answers by the time between them', () => {
    const { totals, clusters, flags } = shownOf(answer(4, { requests: 900, failed: 20 }), answer(2, { requests: 100, failed: 0 }));
    expect(totals).toMatchObject({ requests: 400, failed: 10, failedShare: 0.025, bytesSent: 40_000, cpus: 0.5, workers: 2, workersRunning: 1 });
    expect(clusters[0]).toMatchObject({ requests: 400, failed: 10 });
    expect(flags).toEqual([{ flag: 'UF', total: 20, perSecond: 10 }]);
  });

  it('are unknown for the first answer, for what is new, and for a process that began anew', () => {
    expect(shownOf(answer(0, { requests: 9 }), null).totals.requests).toBeNull();
    expect(shownOf(answer(2, { name: 'new' }), answer(1)).clusters[0]?.requests).toBeNull();
    expect(shownOf({ ...answer(2, { requests: 5 }), uptimeMs: 10 }, answer(1, { requests: 1 })).totals.requests).toBeNull();
    expect(shownOf(answer(2, { requests: 5 }), answer(1, { requests: 9 })).totals.requests).toBeNull();
  });
});

describe('a picture', () => {
  it('never is larger than its window', () => {
    const endpoints = Array.from({ length: 200 }, (_, i) => endpoint(`a-rather-long-name-of-an-endpoint-${i}.example.com:8080`));
    const shown = shownOf(answer(1, { endpoints, name: 'a-cluster-with-a-long-name-too' }), answer(0));
    for (const view of ['clusters', 'endpoints', 'routes', 'listeners'] as const) {
      for (const [width, height] of [[20, 8], [40, 10], [79, 24], [200, 50]] as const) {
        const { lines } = frame(shown, { ...OPTIONS, view, width, height });
        expect(lines.length).toBeLessThanOrEqual(height);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      }
    }
  });

  it('makes control characters of names visible', () => {
    const evil = '\x1b]0;owned\x07\x9b2J\r\nfake line';
    const shown = shownOf(answer(1, { endpoints: [endpoint(evil)], name: evil }), answer(0));
    for (const view of ['clusters', 'endpoints'] as const) expect(frame(shown, { ...OPTIONS, view, name: evil, width: 400 }).lines.join('\n')).not.toMatch(/[^\x0a\x20-\x7e]/);
    expect(frame(shown, { ...OPTIONS, width: 400 }).lines.join('\n')).toContain('\\x1b]0;owned\\x07\\x9b2J\\x0d\\x0afake line');
  });

  it('says why an endpoint is out, since when and until when, and does not hide it below idle ones', () => {
    const out = endpoint('10.0.0.9:80', { health: { state: 'unavailable', reasons: ['ejected'], since: new Date(1_700_000_000_000 - 39_000).toISOString(), until: new Date(1_700_000_021_000).toISOString() } });
    const { lines } = frame(shownOf(answer(1, { endpoints: [endpoint('10.0.0.1:80'), out] }), answer(0)), { ...OPTIONS, style: COLORS });
    const rows = lines.filter((line) => line.includes('10.0.0.'));
    expect(rows[0]).toMatch(/^\x1b\[31m10\.0\.0\.9:80 .*ejected for 40s, 20s to go/);
    expect(rows[1]).toMatch(/^10\.0\.0\.1:80/);
  });

  it('is sorted by rate', () => {
    const at = (requests: number[]) => requests.map((count, i) => endpoint(`10.0.0.${i}:80`, { requests: count }));
    const { lines } = frame(shownOf(answer(1, { endpoints: at([10, 30, 20]) }), answer(0, { endpoints: at([0, 0, 0]) })), OPTIONS);
    expect(lines.filter((line) => line.startsWith('10.0.0.')).map((line) => line.slice(0, 8))).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.0']);
  });

  it('scrolls no further than its last row', () => {
    const endpoints = Array.from({ length: 50 }, (_, i) => endpoint(`10.0.0.${i}:80`));
    const { lines, mostScroll } = frame(shownOf(answer(1, { endpoints }), answer(0)), { ...OPTIONS, height: 20, scroll: 1000 });
    expect(lines.at(-2)).toMatch(/^10\.0\.0\.49:80/);
    expect(mostScroll).toBe(50 - lines.filter((line) => line.startsWith('10.0.0.')).length);
  });
});

describe('a table', () => {
  const columns: TopColumn<[string, number]>[] = [
    { title: 'NAME', kind: 'text', rank: 0, cell: ([name]) => name },
    { title: 'COUNT', kind: 'number', rank: 0, cell: ([, value]) => String(value) },
    { title: 'LESS', kind: 'number', rank: 1, cell: () => '1234' },
  ];

  it('leaves out what matters less, then cuts names, never numbers', () => {
    const rows: [string, number][] = [['a-name-of-twenty-five-chars', 123456]];
    expect(tableLines(columns, rows, 50).lines[0]).toBe('a-name-of-twenty-five-chars  123456  1234');
    expect(tableLines(columns, rows, 36).lines[0]).toBe('a-name-of-twenty-five~  123456  1234');
    expect(tableLines(columns, rows, 28).lines[0]).toBe('a-name-of-twenty-fi~  123456');
  });
});

it('writes numbers short', () => {
  expect([0, 0.123, 4.56, 99.6, 1234, 123_456, null].map(rate)).toEqual(['0', '0.12', '4.6', '100', '1234', '123k', '-']);
  expect([0.004, 1.234, 45.67, 456.7, 1234, 90_000, undefined].map(duration)).toEqual(['4us', '1.23ms', '45.7ms', '457ms', '1.23s', '1m30s', '-']);
  expect([512, 2048, 20_480, 5e9, 5e13].map(bytes)).toEqual(['512 B', '2.0 KiB', '20 KiB', '4.7 GiB', '45.5 TiB']);
  expect([0, 0.00001, 0.00123, 0.05, 1].map(percent)).toEqual(['0%', '<0.01%', '0.12%', '5.0%', '100%']);
  expect([500, 65_000, 3_660_000, 90_000_000].map(age)).toEqual(['1s', '1m05s', '1h01m', '1d1h']);
  expect([7, 123_456_789].map(count)).toEqual(['7', '123M']);
});

it('takes an admin endpoint with or without a scheme, and no password', () => {
  expect(adminUrl('localhost:9901').href).toBe('http://localhost:9901/');
  expect(adminUrl('https://proxy.example:1/ui/?a').href).toBe('https://proxy.example:1/');
  expect(() => adminUrl('http://a:b@host')).toThrow('--admin holds a password');
  expect(() => adminUrl('http://')).toThrow('no address');
});
