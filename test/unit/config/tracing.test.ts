import { describe, expect, it } from 'vitest';
import { NONE, TRACING_FLAG } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { describe as describeConfig } from '../../../src/config/describe.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { brief, imageOf, loadGood, loadText, problemsOf, withRoutes } from './support.ts';

const CLUSTERS = '{ a: { endpoints: [127.0.0.1:1] } }';
const OTLP = 'endpoint: "http://127.0.0.1:4318/v1/traces"';
const withTracing = (settings: string, routes: string[] = ['{ cluster: a }']) => `tracing: ${settings}\n${withRoutes(routes, CLUSTERS)}`;
const problems = async (settings: string) => (await problemsOf(withTracing(settings))).map((line) => line.replace(/^\d+:\d+ /, ''));

describe('tracing', () => {
  it('has these defaults', async () => {
    expect((await loadGood(withTracing(`{ otlp: { ${OTLP} } }`))).tracing).toEqual({
      otlp: { endpoint: 'http://127.0.0.1:4318/v1/traces', headers: {}, timeoutMs: 10_000 },
      serviceName: 'millrace',
      sample: 0.01,
      parentBased: true,
      b3: true,
      trust: 'all',
    });
  });

  it('is off, and not in the image, unless it is asked for', async () => {
    const config = await loadGood(withRoutes(['{ cluster: a }'], CLUSTERS));
    expect(config.tracing).toBe(null);
    expect(imageOf(config).rows('TRACING')).toEqual([]);
    expect(dumpImage(compile(config).image)).toMatchObject({ tracing: null });
  });

  it('is rows of the image, shared by routes, and a dump shows them again', async () => {
    const config = await loadGood(
      withTracing(`{ otlp: { ${OTLP} }, sample: 0.25, parentBased: false, b3: false, trust: trustedPeers }`, [
        '{ match: { path: /a }, cluster: a, tracing: { sample: 100% } }',
        '{ match: { path: /b }, cluster: a, tracing: false }',
        '{ match: { path: /c }, cluster: a, tracing: { sample: 1 } }',
        '{ cluster: a }',
      ]),
    );
    const read = imageOf(config);
    const flags = TRACING_FLAG.trustedPeers;
    expect(read.rows('TRACING')).toEqual([
      { flags, sampleLow: 0, sampleHigh: 0x4000_0000 },
      { flags, sampleLow: NONE, sampleHigh: NONE },
      { flags: flags | TRACING_FLAG.off, sampleLow: 0, sampleHigh: 0 },
    ]);
    expect(read.rows('ROUTE').map(({ tracing }) => tracing)).toEqual([1, 2, 1, NONE]);
    const dump = dumpImage(compile(config).image) as { tracing: object; routes: { t: { routes: { tracing?: unknown }[] }[] } };
    expect(dump.tracing).toEqual({ sample: 0.25, parentBased: false, b3: false, trust: 'trustedPeers' });
    expect(dump.routes.t[0]?.routes.map(({ tracing }) => tracing)).toEqual([{ sample: 1 }, false, { sample: 1 }, undefined]);
  });

  it('takes shares of any precision', async () => {
    for (const [written, share] of [['0', 0], ['1', 1], ['0.000001', 0.000001], ['"0.0001%"', 0.000001], ['100%', 1], ['0.1%', 0.001]] as const)
      expect((await loadGood(withTracing(`{ otlp: { ${OTLP} }, sample: ${written} }`))).tracing?.sample, written).toBe(share);
  });

  it('says what is wrong, and what to write', async () => {
    expect(await problems('{}')).toEqual([expect.stringContaining('tracing.otlp')]);
    for (const [settings, message] of [
      [`otlp: { ${OTLP} }, sample: 1.5`, 'tracing.sample: the share must be from 0 to 1, not 1.5 (write 0.015 or 1.5%)'],
      [`otlp: { ${OTLP} }, sample: -0.1`, 'tracing.sample: the share must be from 0 to 1, not -0.1'],
      [`otlp: { ${OTLP} }, sample: often`, 'tracing.sample: expected a share from 0 to 1, such as 0.01 or 1%'],
      [`otlp: { ${OTLP} }, trust: nobody`, 'tracing.trust'],
      [`otlp: { ${OTLP}, timeout: 2m }`, 'tracing.otlp.timeout: the duration must be at most 1m'],
      [`otlp: { ${OTLP}, headers: { content-type: x } }`, 'content-type is written by the exporter'],
      ['otlp: { endpoint: "127.0.0.1:4318" }', 'is not a URL of an OTLP/HTTP receiver (write it as http://127.0.0.1:4318/v1/traces)'],
      ['otlp: { endpoint: "http://127.0.0.1:4318" }', 'tracing.otlp.endpoint: the URL has no path (write http://127.0.0.1:4318/v1/traces)'],
      ['otlp: { endpoint: "http://127.0.0.1:4317/v1/traces" }', 'port 4317 is that of OTLP over gRPC'],
      ['otlp: { endpoint: "https://me:secret@x.example/v1/traces" }', 'the URL has a name or a password'],
    ] as const)
      expect(await problems(`{ ${settings} }`), settings).toEqual([expect.stringContaining(message)]);
  });

  it('warns of what has no effect', async () => {
    const warnings = async (text: string) => brief((await loadText(text)).warnings).map((line) => line.replace(/^\d+:\d+ /, ''));
    expect(await warnings(withRoutes(['{ cluster: a, tracing: { sample: 1 } }'], CLUSTERS))).toEqual([
      'routes.t[0].routes[0].tracing: nothing is traced without "tracing" at the top of the configuration',
    ]);
    expect(await warnings(withTracing(`{ otlp: { ${OTLP} }, trust: trustedPeers }`))).toEqual([
      'tracing.trust: no listener has a trusted peer: every request begins a trace of its own (name them in forwarded.trust of the listener)',
    ]);
    expect(await warnings(withTracing(`{ otlp: { ${OTLP} } }`, ['{ cluster: a, tracing: false }']))).toEqual([]);
  });

  it('keeps what its headers say to itself', async () => {
    const config = await loadGood(withTracing(`{ otlp: { ${OTLP}, headers: { X-Api-Key: hush } } }`));
    expect(config.tracing?.otlp.headers).toEqual({ 'x-api-key': 'hush' });
    expect(JSON.stringify([dumpImage(compile(config).image), describeConfig(config)])).not.toContain('hush');
  });
});
