/**
 * Requests that try to be two requests, or to break the parser: every case of cases/client.ts, whole, byte by byte, and cut in every
 * line end. Afterwards an honest request on a new connection, and one on the same if it is still open, must find the proxy as it was.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';
import { SMUGGLED, type ClientCase } from './cases/case.ts';
import { CLIENT_GROUPS } from './cases/client.ts';
import { Lanes, canary, type Lane } from './lanes.ts';
import { CLIENT_LANES, check, run, type Run } from './requests.ts';
import { SPLITS } from './splits.ts';
import { Wire } from './wire.ts';

/** All cases of one split. */
const RUN_MS = 90_000;

let lanes: Lanes;
let secure: Lanes;
/** Request heads come as strings there, and the client's address from uWS. */
let documented: Lanes;

beforeAll(async () => {
  lanes = await Lanes.start(CLIENT_LANES);
  documented = await Lanes.start({ ...CLIENT_LANES, launch: { env: { MILLRACE_PLAIN_LISTENER: '1' } } });
  const { certFile, keyFile } = makeCertificate(temporaryDirectory(), 'a.test');
  secure = await Lanes.start({ ...CLIENT_LANES, listener: { tls: { certificates: [{ cert: certFile, key: keyFile }] } } });
});

/** Whole over TLS, too: there uWS is compiled a second time. */
const WAYS = [...Object.entries(SPLITS).map(([name, split]) => [name, split, () => lanes] as const), ['over TLS', SPLITS['whole'] as (bytes: Buffer) => Buffer[], () => secure] as const, ['through the documented interface of uWS', SPLITS['whole'] as (bytes: Buffer) => Buffer[], () => documented] as const];

describe.each(WAYS)('%s', (_name, split, through) => {
  const runs = new Map<ClientCase, Run | Error>();

  beforeAll(async () => {
    const cases = CLIENT_GROUPS.flatMap((group) => group.cases);
    const results = await through().run(cases, (item, lane) => run(item, split, lane).catch((error: unknown) => error as Error));
    for (const [i, item] of cases.entries()) runs.set(item, results[i] as Run | Error);
  }, RUN_MS);

  describe.each(CLIENT_GROUPS.map((group) => [group.title, group] as const))('%s', (_title, group) => {
    it.each(group.cases.map((item) => [item.id, item.name, item] as const))('%s %s', (_id, _caseName, item) => {
      const result = runs.get(item);
      if (result === undefined || result instanceof Error) throw result ?? new Error('did not run');
      check(item, result, through().tls);
    });
  });
});

describe('behind a trusted hop, whatever else is configured', () => {
  // Not those that hide a length: what follows is cut from a body by the listener before anyone sees that there was one.
  const cases = CLIENT_GROUPS.flatMap((group) => group.cases).filter(({ gap, bytes }) => gap !== undefined && bytes.includes('Transfer-Encoding: chunked') && bytes.includes(SMUGGLED) && gap.rule !== 'emptyName');

  it.each(cases.map((item) => [item.id, item.name, item] as const))('%s %s: makes no second request, since a chunked one is the last of its connection', async (_id, _name, item) => {
    const trusting = await Lanes.start({ ...CLIENT_LANES, count: 1, listener: { keepAliveAfterChunked: true, forwarded: { trust: ['127.0.0.0/8'] } } });
    const lane = trusting.all[0] as Lane;
    for (const split of Object.values(SPLITS)) {
      const { forwarded } = await run(item, split, lane);
      expect(forwarded.map(({ target }) => target).filter((target) => target.includes('smuggled'))).toEqual([]);
    }
  });
});

it('plain HTTP on a TLS port is closed, and reaches nobody', async () => {
  const { port, origin } = secure.all[0] as Lane;
  const from = origin.requests.length;
  const wire = await Wire.open(port);
  wire.send('GET /p HTTP/1.1\r\nHost: a.test\r\n\r\n');
  expect(await wire.ends()).toBe(true);
  await canary(port, true);
  expect(origin.requests.slice(from).map(({ target }) => target)).toEqual([expect.stringMatching('canary')]);
});

it.each([['plain', () => lanes], ['TLS', () => secure]] as const)('%s: leaves the proxy alive, with nothing in flight', async (_name, which) => {
  const { proxy } = which();
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
