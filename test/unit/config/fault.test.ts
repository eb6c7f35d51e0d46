import { describe, expect, it } from 'vitest';
import { NONE } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { brief, imageOf, loadGood, loadText, problemsOf, withRoutes } from './support.ts';

const CLUSTERS = '{ a: { endpoints: [127.0.0.1:1] } }';
const withFault = (fault: string, action = 'cluster: a') => withRoutes([`{ ${action}, fault: ${fault} }`, '{ match: { path: /b }, cluster: a }'], CLUSTERS);
const faultOf = async (fault: string) => (await loadGood(withFault(fault))).routes['t']?.[0]?.routes[0]?.fault;

describe('fault', () => {
  it('takes percentages with four decimals, and all requests by default', async () => {
    expect(await faultOf('{ abort: {}, delay: { time: 1s } }')).toEqual({ abort: { status: 503, perMillion: 1_000_000 }, delay: { ms: 1_000, perMillion: 1_000_000 } });
    expect(await faultOf('{ abort: { status: 418, percent: 0.0001 } }')).toEqual({ abort: { status: 418, perMillion: 1 }, delay: null });
    expect(await faultOf('{ delay: { time: 5ms, percent: "12.5%" } }')).toEqual({ abort: null, delay: { ms: 5, perMillion: 125_000 } });
  });

  it.each(['{ enabled: false, abort: {} }', '{}', '{ abort: { percent: 0 } }', '{ delay: { time: 0 } }'])('%s injects nothing', async (fault) => {
    expect(await faultOf(fault)).toBeNull();
    expect(imageOf(await loadGood(withFault(fault))).row('ROUTE', 0).fault).toBe(NONE);
  });

  it('is a row of the image, and a dump shows it again', async () => {
    const config = await loadGood(withFault('{ abort: { status: 500, percent: 10 }, delay: { time: 2s, percent: 5 } }'));
    const image = imageOf(config);
    expect(image.row('FAULT', image.row('ROUTE', 0).fault)).toEqual({ abortPerMillion: 100_000, abortStatus: 500, delayPerMillion: 50_000, delayMs: 2_000 });
    const dump = dumpImage(compile(config).image) as { routes: Record<string, [{ routes: { fault: unknown }[] }]> };
    expect(dump.routes['t']?.[0].routes[0]?.fault).toEqual({ abort: { status: 500, percent: 10 }, delay: { timeMs: 2_000, percent: 5 } });
    expect(dump.routes['t']?.[0].routes[1]?.fault).toBeNull();
  });

  it.each([
    ['{ abort: { percent: 101 } }', 'fault.abort.percent: the percentage must be from 0 to 100'],
    ['{ abort: { percent: -1 } }', 'fault.abort.percent: the percentage must be from 0 to 100'],
    ['{ abort: { percent: 0.00001 } }', 'fault.abort.percent: 0.00001 has more than four decimals'],
    ['{ abort: { percent: half } }', 'fault.abort.percent: expected a percentage such as 5, 0.1 or 5%'],
    ['{ abort: { status: 200 } }', 'fault.abort.status'],
    ['{ delay: { percent: 5 } }', 'fault.delay'],
    ['{ delay: { time: 2h } }', 'fault.delay.time'],
    ['{ aborts: {} }', 'fault'],
  ])('%s is refused', async (fault, problem) => {
    expect((await problemsOf(withFault(fault))).join('\n')).toContain(problem);
  });

  it('is warned of, so that nobody forgets it', async () => {
    const result = await loadText(withFault('{ abort: { percent: 10 }, delay: { time: 2s, percent: 0.5 } }'));
    expect(brief(result.warnings).join('\n')).toContain('faults are injected on purpose: 10 % of the requests are answered with 503, 0.5 % wait for 2s');
    const idle = await loadText(withFault('{ delay: { time: 2s } }', 'respond: { status: 200 }'));
    expect(brief(idle.warnings).join('\n')).toContain('"delay" has no effect on a route that the proxy answers by itself');
  });
});
