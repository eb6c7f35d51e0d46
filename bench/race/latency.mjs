/** Latencies at a share of what the slowest peer can do: open loop, Poisson arrivals, and the direct path at the same rate. */
import { drive } from './client.mjs';

export const PERCENTS = [50, 80];

const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** What the slowest peer (ourselves not counted) does, from the runs of the closed loop; null when there is no peer. */
export function slowestRate(members, runs) {
  const rates = members
    .filter(({ contender }) => contender.kind !== 'self')
    .map(({ name }) => (runs[name] ?? []).filter((run) => run !== null).map(({ rate }) => rate))
    .filter((list) => list.length > 0)
    .map(middle);
  return rates.length === 0 ? null : Math.min(...rates);
}

/**
 * @param {{ members: object[], direct: string | null, scenario: object, rounds: number, seconds: number, warmup: number, core: string,
 *   capacity: number, onRun: (name: string, percent: number, round: number) => void, onVoid: (name: string, why: string, round: number) => void }} what
 */
export async function measureLatency({ members, direct, scenario, rounds, seconds, warmup, core, capacity, onRun, onVoid }) {
  const targets = [...members.map(({ name, url }) => ({ name, url })), ...(direct === null ? [] : [{ name: 'direct', url: direct }])];
  const latency = { rates: Object.fromEntries(PERCENTS.map((percent) => [percent, Math.round((capacity * percent) / 100)])) };
  for (const { name } of targets) latency[name] = Object.fromEntries(PERCENTS.map((percent) => [percent, []]));
  for (let round = 0; round < rounds; round++) {
    for (const percent of PERCENTS) {
      for (const { name, url } of targets) {
        const more = { mode: 'open', arrivals: 'poisson', rate: latency.rates[percent] };
        try {
          const result = await drive({ url, scenario, core, seconds, warmup, seed: round + 1, more });
          latency[name][percent].push({ ...result.latencyUs, rate: result.rate, lateMaxUs: result.scheduler?.lateMaxUs });
        } catch (error) {
          latency[name][percent].push(null);
          onVoid(name, `at ${percent} % load: ${error.message}`, round);
        }
        onRun(name, percent, round);
      }
    }
  }
  return latency;
}
