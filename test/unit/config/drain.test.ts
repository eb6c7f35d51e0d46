import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dumpImage } from '../../../src/config/dump.ts';
import { compile } from '../../../src/config/compile.ts';
import { loadDocument } from '../../../src/config/load.ts';
import { brief, fakeResolver, imageOf, loadGood, loadText, withRoutes } from './support.ts';

const ROUTES = ['{ cluster: a }', '{ match: { path: /b }, cluster: b }'];

it('a drained endpoint keeps its weight and is in no plan', async () => {
  const config = await loadGood(withRoutes(ROUTES, '{ a: { endpoints: [{ address: 127.0.0.1:1, weight: 5, drain: true }, 127.0.0.1:2] }, b: { endpoints: [127.0.0.1:3] } }'));
  const image = imageOf(config);
  expect(image.rows('ENDPOINT').map(({ weight, drain }) => [weight, drain])).toEqual([[5, 1], [1, 0], [1, 0]]);
  expect(JSON.stringify(dumpImage(compile(config).image))).toContain('"endpoints":["127.0.0.1:2"]');
});

it('draining everything, or all that come first, is warned of', async () => {
  const result = await loadText(withRoutes(ROUTES, '{ a: { endpoints: [{ address: 127.0.0.1:1, drain: true }] }, b: { endpoints: [{ address: 127.0.0.1:2, drain: true }, { address: 127.0.0.1:3, priority: 1 }] } }'));
  expect(brief(result.warnings).map((text) => text.replace(/^\S+ /, ''))).toEqual([
    'clusters.a.endpoints: every endpoint has weight 0 or is drained: requests to this cluster will fail',
    'clusters.b.endpoints: every endpoint of priority 0 has weight 0 or is drained: those of priority 1 take all requests',
  ]);
});

it('a document that was loaded is loaded again without its files and without its names', async () => {
  const nowMs = Date.parse('2200-01-01'); // its certificate has expired by then
  const result = await loadText(withRoutes(ROUTES, '{ a: { endpoints: [one.test:1], tls: { ca: other.pem } }, b: { endpoints: [127.0.0.1:2] } }').replace('routes: t }]', 'routes: t, tls: { certificates: [{ cert: shop.pem, key: shop.key, hosts: [x.test] }] } }]'), undefined, nowMs);
  if (!result.ok) throw new Error(brief(result.problems).join());
  for (const file of ['other.pem', 'shop.pem', 'shop.key']) await rm(join(result.directory, file));
  const options = { resolveHost: () => Promise.reject(new Error('asked')), nowMs };
  const again = await loadDocument(result.document, options, result.inputs);
  expect(again).toMatchObject({ ok: true, config: result.config, warnings: result.warnings });
  // And once more from what that made, as one PATCH follows the other.
  if (again.ok) expect(await loadDocument(again.document, options, again.inputs)).toMatchObject({ ok: true, config: result.config });
  expect(await loadDocument(result.document, { resolveHost: fakeResolver })).toMatchObject({ ok: false });
});
