import { describe, expect, it } from 'vitest';
import { ATTEMPT_BIT, RECORD_BIT, RECORD_TEXT, RESPONSE_FLAG } from '../../../src/binding/abi.ts';
import type { NativeAttemptRecord, NativeRequestRecord } from '../../../src/binding/native.ts';
import { RecentRequests, describeRequest } from '../../../src/control/recent-requests.ts';
import { FLAG_SENTENCES, type ResponseFlag } from '../../../src/telemetry/response-flags.ts';

const NOW = Date.UTC(2024, 0, 2, 3, 4, 5);
const flag = (name: ResponseFlag): number => RESPONSE_FLAG.indexOf(name);

function attempt(changes: Partial<NativeAttemptRecord> = {}): NativeAttemptRecord {
  return { cluster: 'up', endpoint: '10.0.0.1:80', chosenUs: 0, connectingUs: -1, connectedUs: -1, sentUs: 5, firstByteUs: 1500, endedUs: 1501, status: 200, flag: 0, bits: ATTEMPT_BIT.answered, span: '', ...changes };
}

function record({ texts = {}, ...changes }: Partial<Omit<NativeRequestRecord, 'texts'>> & { texts?: Partial<Record<(typeof RECORD_TEXT)[number], string>> } = {}): NativeRequestRecord {
  return {
    id: '0000000000000001', version: 7, ageUs: 2_000_000, status: 200, flag: 0, bits: 0, peer: '192.0.2.1', requestBytes: 0, responseBytes: 5, sentBytes: 90, closeCode: 0, traceId: '', span: '',
    parentSpan: '', totalUs: 1500, queueUs: 0, connectUs: 0, firstByteUs: 1495, backoffUs: 0, faultDelayUs: 0, attempts: 1, retries: 0, kept: [attempt()],
    texts: RECORD_TEXT.map((name) => ({ method: 'GET', authority: 'a', target: '/', listener: 'web', cluster: 'up', endpoint: '10.0.0.1:80', ...texts })[name as 'method'] ?? ''),
    ...changes,
  };
}

const outcome = (changes: Parameters<typeof record>[0]): string => describeRequest(record(changes), NOW).outcome;
const ended = (changes: Partial<NativeAttemptRecord>): string | undefined => describeRequest(record({ kept: [attempt(changes)] }), NOW).attempts[0]?.ended;

describe('a record in words', () => {
  it('has a sentence for every flag', () => {
    for (const name of RESPONSE_FLAG) expect(FLAG_SENTENCES[name] === '', name).toBe(name === 'none');
    expect(Object.keys(FLAG_SENTENCES)).toHaveLength(RESPONSE_FLAG.length);
    expect(new Set(Object.values(FLAG_SENTENCES)).size).toBe(RESPONSE_FLAG.length);
  });

  it('says when it was, by the wall clock of now', () => {
    expect(describeRequest(record(), NOW)).toMatchObject({ startedAt: '2024-01-02T03:04:02.998Z', endedAt: '2024-01-02T03:04:03.000Z', ms: { total: 1.5, firstByte: 1.495, queue: 0 } });
    expect(describeRequest(record({ queueUs: -1, connectUs: -1, firstByteUs: -1 }), NOW).ms).toMatchObject({ queue: null, connect: null, firstByte: null });
  });

  it('says what became of it', () => {
    expect(outcome({})).toBe('answered 200 by 10.0.0.1:80 of cluster up');
    expect(outcome({ attempts: 3 })).toBe('answered 200 by 10.0.0.1:80 of cluster up, after 3 attempts');
    expect(outcome({ attempts: 2, kept: [attempt({ bits: ATTEMPT_BIT.cancelled }), attempt({ bits: ATTEMPT_BIT.answered | ATTEMPT_BIT.hedge })] })).toBe('answered 200 by 10.0.0.1:80 of cluster up, a second attempt beside a slow one');
    expect(outcome({ bits: RECORD_BIT.fallback })).toBe('answered 200 by 10.0.0.1:80 of cluster up, which stood in for another');
    expect(outcome({ status: 502, flag: flag('UF'), bits: RECORD_BIT.local, attempts: 2, texts: { detail: 'upstream connection failed: refused\n' } })).toBe('answered 502 by the proxy itself: upstream connection failed: refused, after 2 attempts');
    expect(outcome({ status: 404, flag: flag('NR'), bits: RECORD_BIT.local, attempts: 0, kept: [] })).toBe('answered 404 by the proxy itself: no route matches the request');
    expect(outcome({ status: 0, flag: flag('DC'), bits: RECORD_BIT.aborted })).toBe('not answered: the client left');
    expect(outcome({ flag: flag('UC'), bits: RECORD_BIT.aborted })).toBe('answer of 200 from 10.0.0.1:80 of cluster up broken off: the upstream closed or reset the connection before the end of its answer');
    expect(outcome({ status: 101, bits: RECORD_BIT.webSocket, closeCode: 1001 })).toBe('WebSocket with 10.0.0.1:80 of cluster up, closed with 1001');
  });

  it('says what each attempt ended with', () => {
    expect(ended({})).toBe('answered 200');
    expect(ended({ flag: flag('DC') })).toBe('answered 200, then: the client left');
    expect(ended({ bits: 0, status: 503 })).toBe('answered 503, which was not passed on');
    expect(ended({ bits: 0, status: 0, flag: flag('UCT') })).toBe('the connection to the upstream was not made in time (connectTimeout)');
    expect(ended({ bits: ATTEMPT_BIT.cancelled, status: 0 })).toBe('given up, as another attempt had answered');
    expect(ended({ bits: ATTEMPT_BIT.stale | ATTEMPT_BIT.reused, status: 0, flag: flag('UC') })).toBe('the upstream had closed this kept connection: a new one takes its place');
  });

  it('shows names as they are configured, bytes of the network as they came, and nothing where there was nothing', () => {
    const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
    const shown = describeRequest(record({ peer: '', version: 0, texts: { route: utf8('bücher'), target: '/\xe4\x9b', listener: '', requestId: '' } }), NOW);
    expect(shown).toMatchObject({ route: 'bücher', target: '/\xe4\x9b', listener: null, client: null, requestId: null, traceId: null, version: null, webSocket: null, flag: null });
    expect(describeRequest(record({ flag: flag('RL'), bits: RECORD_BIT.local, texts: { detail: 'per client' } }), NOW).detail).toBe('rate limit "per client"');
  });

  it('asks the engine for the number of a flag', () => {
    const asked: unknown[] = [];
    const requests = new RecentRequests({ findRequests: (query) => (asked.push(query), [record()]) }, { wallMs: () => NOW, monotonicMs: () => 0 });
    expect(requests.find({ flag: 'UF', limit: 3 })).toHaveLength(1);
    requests.find({ failed: true });
    expect(asked).toEqual([{ limit: 3, flag: flag('UF') }, { failed: true }]);
  });
});
