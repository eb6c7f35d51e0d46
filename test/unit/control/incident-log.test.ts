import { describe, expect, it } from 'vitest';
import { DOWNSTREAM_ERROR, INCIDENT_KIND, INCIDENT_TEXT, RESPONSE_FLAG, UPSTREAM_ERROR } from '../../../src/binding/abi.ts';
import type { NativeIncident } from '../../../src/binding/native.ts';
import { IncidentLog, LINES_PER_REASON } from '../../../src/control/incident-log.ts';
import { createLogger } from '../../../src/core/logger.ts';

const clock = { wallMs: () => Date.UTC(2026, 0, 1), monotonicMs: () => 0 };

type Texts = Partial<Record<(typeof INCIDENT_TEXT)[number], string>>;

function incident(more: Partial<Omit<NativeIncident, 'texts'>> & { texts?: Texts } = {}): NativeIncident {
  const { texts = {}, ...rest } = more;
  return {
    ageMs: 250, kind: INCIDENT_KIND.downstream, reason: DOWNSTREAM_ERROR.indexOf('host'), status: 400, attempts: 0, sentence: 'malformed Host\n', peer: '192.0.2.7', cut: INCIDENT_TEXT.map(() => false),
    ...rest,
    texts: INCIDENT_TEXT.map((name) => texts[name] ?? ''),
  };
}

function logged(incidents: NativeIncident[], options: { dropped?: number[]; pretty?: boolean } = {}): string[] {
  const lines: string[] = [];
  const dropped = options.dropped ?? [0];
  const log = createLogger({ pretty: options.pretty ?? false, destination: { write: (line) => void lines.push(line) } });
  const reports = new IncidentLog({ takeIncidents: () => incidents.splice(0) }, () => dropped.shift() ?? 0, log, clock);
  for (let turns = dropped.length; turns > 0; turns--) reports.flush();
  return lines;
}

describe('the log of incidents', () => {
  it('has a line for a refused request: when, why, who, what', () => {
    const [line = '', ...others] = logged([incident({ texts: { listener: 'web', method: 'GET', target: '/a?b' } })]);
    expect(others).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({
      level: 'info', at: '2025-12-31T23:59:59.750Z', reason: 'host', status: 400, peer: '192.0.2.7', listener: 'web', method: 'GET', target: '/a?b',
      msg: 'request refused: malformed Host',
    });
  });

  it('has a line for an upstream that broke the protocol', () => {
    const [line = ''] = logged([
      incident({ kind: INCIDENT_KIND.upstream, reason: UPSTREAM_ERROR.indexOf('badChunkSize'), status: 0, peer: '', sentence: 'malformed chunk size', texts: { cluster: 'up', endpoint: '127.0.0.1:9001' } }),
    ]);
    const record = JSON.parse(line) as Record<string, unknown>;
    expect(record).toMatchObject({ level: 'warn', reason: 'badChunkSize', cluster: 'up', endpoint: '127.0.0.1:9001', msg: 'upstream broke the protocol: malformed chunk size' });
    expect(Object.keys(record)).not.toContain('peer');
    expect(Object.keys(record)).not.toContain('status');
  });

  it('has a line for a request that failed', () => {
    const [line = ''] = logged([
      incident({ kind: INCIDENT_KIND.failure, reason: RESPONSE_FLAG.indexOf('UCT'), status: 504, attempts: 3, peer: '', sentence: 'upstream connection failed: timed out\n', texts: { cluster: 'up', endpoint: '127.0.0.1:9001', method: 'GET', target: '/a' } }),
    ]);
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn', reason: 'UCT', status: 504, attempts: 3, cluster: 'up', endpoint: '127.0.0.1:9001', method: 'GET', target: '/a',
      msg: 'request failed: upstream connection failed: timed out',
    });
    expect(Object.keys(JSON.parse(logged([incident()])[0] ?? '') as object)).not.toContain('attempts');
  });

  it.each([false, true])('cannot be written to by what a client sends (pretty: %s)', (pretty) => {
    const target = '/\r\n{"level":"fatal"}\u001b[2J\u009b\u0000\\x41\u00e9';
    const lines = logged([incident({ texts: { target } })], { pretty });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[\x20-\x7e]+\n$/);
    const shown = '/\\x0d\\x0a{"level":"fatal"}\\x1b[2J\\x9b\\x00\\x5cx41\\xe9';
    if (!pretty) expect((JSON.parse(lines[0] ?? '') as { target: string }).target).toBe(shown);
  });

  it('says where a text was cut', () => {
    const cut = INCIDENT_TEXT.map((name) => name === 'target');
    expect((JSON.parse(logged([incident({ texts: { target: '/long' }, cut })])[0] ?? '') as { target: string }).target).toBe('/long...');
  });

  it('has ten lines of a reason at most, and says how many more there were', () => {
    const many = Array.from({ length: LINES_PER_REASON + 5 }, () => incident());
    const other = incident({ reason: DOWNSTREAM_ERROR.indexOf('method') });
    const records = logged([...many, other]).map((line) => JSON.parse(line) as { reason: string; count?: number; msg: string });
    expect(records.filter(({ reason }) => reason === 'host')).toHaveLength(LINES_PER_REASON + 1);
    expect(records.filter(({ reason }) => reason === 'method')).toHaveLength(1);
    expect(records.find(({ count }) => count !== undefined)).toMatchObject({ reason: 'host', count: 5, msg: '5 more requests refused for this reason' });
  });

  it('says once what it had no room for', () => {
    const records = logged([], { dropped: [3, 3, 5] }).map((line) => JSON.parse(line) as { level: string; count: number });
    expect(records.map(({ level, count }) => [level, count])).toEqual([['warn', 3], ['warn', 2]]);
  });
});
