/** The one place that knows the load generator: a run of a scenario against a contender, and what it says of it. */
import { load, startOrigin } from '../load/index.mjs';
import { cpuBetween, mergeCpu, readCpu } from './measure/cpu.mjs';
import { readMemory } from './measure/memory.mjs';
import { startSampler } from './measure/sampler.mjs';

/** From here on, a body under way at the end of a run would be a visible part of it. */
const WHOLE_RUN_SHARE = 2 ** 20;

export { startOrigin };

/**
 * How many requests a run is worth, in fractions for large bodies, of which the last ones are under way when it ends.
 * @param {{ direction: 'in' | 'out', each: number } | undefined} bytes
 */
function requestsOf(result, bytes) {
  if (bytes === undefined || bytes.each < WHOLE_RUN_SHARE) return result.requests;
  return (bytes.direction === 'in' ? result.bytesIn : result.bytesOut) / bytes.each;
}

/** Load on `url` without looking at anybody's CPU: the direct path, warm-ups, and what is counted by others. */
export async function drive({ url, scenario, core, seconds, warmup = 0, seed = 1, more = {} }) {
  const { path = '/', headers, ...options } = { ...scenario.load, ...more };
  const header = headers.map(([name, value]) => `${name}: ${value}`);
  const result = await load({ core, url: `${url}${path}`, duration: seconds, warmup, seed, header, allowErrors: scenario.allowErrors ?? false, ...options });
  return { ...result, counted: requestsOf(result, scenario.bytes) };
}

const round = (value, digits = 3) => Number(value.toFixed(digits));

/**
 * One counted run. CPU is read when the window begins and when it ends, so connecting and handshakes of kept connections are not in
 * it, nor the way from the load generator back to here.
 */
export async function measure({ member, scenario, core, seconds, warmup, seed, more = {} }) {
  const sampler = scenario.sample ? startSampler(member.pid) : null;
  const marks = {};
  let seen;
  const onPhase = (name, at) => {
    marks[name] = readCpu(member.pid);
    marks[`${name}LateS`] = Number(process.hrtime.bigint() - at) / 1e9;
    if (name === 'end') seen = sampler?.stop(); // what idle clients are asked afterwards is no part of the run
  };
  let result;
  try {
    result = await drive({ url: member.url, scenario, core, seconds, warmup, seed, more: { ...more, onPhase } });
  } finally {
    sampler?.stop();
  }
  if (marks.begin === undefined || marks.end === undefined) throw new Error('the load generator did not say when its window began and ended');
  const used = cpuBetween(marks.begin, seen === undefined ? marks.end : mergeCpu(seen.cpu, marks.end));
  // This process shares its core with the load, so the mark comes a little late: CPU until then is missing. At the end it is not, as
  // there are no requests any more.
  const scale = result.seconds / (result.seconds - marks.beginLateS);
  if (!(marks.beginLateS < result.seconds / 2)) throw new Error('the begin of the window was noticed too late: the machine is too busy for a run this short');
  const requests = result.counted;
  if (requests === 0) throw new Error('no request was answered');
  const memory = seen?.memory ?? readMemory(member.pid);
  const rate = requests / result.seconds;
  return {
    rate: round(rate, 1),
    requests: round(requests, 1),
    cpuUs: round((used.us * scale) / requests),
    userUs: round((used.userUs * scale) / requests),
    systemUs: round((used.systemUs * scale) / requests),
    ...memory,
    ...(scenario.bytes === undefined ? {} : { gbps: round((rate * scenario.bytes.each * 8) / 1e9) }),
    latencyUs: result.latencyUs,
    errors: result.errorTotal,
    ...(scenario.allowErrors ? { failed: result.errorTotal, failures: result.errors } : {}),
    contextSwitches: round((used.switches * scale) / requests, 4),
    busy: round((used.us * scale) / (result.seconds * 1e6)),
    ...(member.setup.tls === null ? {} : { handshakes: result.handshakes }),
    ...(result.slow?.clients > 0 ? { slow: result.slow } : {}),
    ...(result.idle?.open > 0 ? { idle: result.idle } : {}),
  };
}
