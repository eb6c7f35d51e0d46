import type { BalancerSettings, Endpoint } from './settings.ts';

/** The endpoints of one priority, and what is asked of them. */
export interface Level {
  priority: number;
  /** Slots of the members, in their order. */
  members: number[];
  /** Slots of the members that are available. */
  available: number[];
  /** Part of the traffic in percent. */
  load: number;
  /** Availability is ignored: all members are candidates. */
  panic: boolean;
}

/**
 * Priorities, spill-over and panic as in Envoy
 * (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority):
 *
 *     health(P) = min(100, overprovisioning * available_P / total_P)      total = min(100, sum of health)
 *     load(P0)  = min(100, health(P0) * 100 / total)
 *     load(Pi)  = min(100 - load of the levels before, health(Pi) * 100 / total)
 *
 * all in whole percents, and what rounding leaves over goes to the first level that has load. Endpoints are counted,
 * not weighed; one of weight 0 is no member.
 */
export function levelsOf(settings: BalancerSettings, endpoints: readonly Endpoint[]): Level[] {
  const members = endpoints.flatMap((endpoint, slot) => (endpoint.weight > 0 ? [slot] : []));
  const priorities = [...new Set(members.map((slot) => endpoints[slot]!.priority))].sort((a, b) => a - b);
  const levels = priorities.map((priority): Level => {
    const own = members.filter((slot) => endpoints[slot]!.priority === priority);
    const available = own.filter((slot) => endpoints[slot]!.available);
    return { priority, members: own, available, load: 0, panic: false };
  });
  const health = levels.map((level) =>
    Math.min(100, Math.floor((settings.overprovisioningPercent * level.available.length) / level.members.length)),
  );
  const sum = health.reduce((a, b) => a + b, 0);
  if (sum === 0) return settings.panicPercent === 0 ? [] : inFullPanic(levels);

  const total = Math.min(100, sum);
  let left = 100;
  for (const [i, level] of levels.entries()) {
    level.load = Math.min(left, Math.floor((health[i]! * 100) / total));
    left -= level.load;
  }
  levels.find((level) => level.load > 0)!.load += left;

  // After the spill-over: as long as the levels together can carry everything, nobody panics.
  if (sum < 100)
    for (const level of levels)
      level.panic = level.load > 0 && level.available.length * 100 < settings.panicPercent * level.members.length;
  return levels;
}

/** Nothing is available anywhere: every endpoint is tried, each level by its size. */
function inFullPanic(levels: Level[]): Level[] {
  const everyone = levels.reduce((count, level) => count + level.members.length, 0);
  let left = 100;
  for (const level of levels) {
    level.panic = true;
    level.load = Math.floor((level.members.length * 100) / everyone);
    left -= level.load;
  }
  const first = levels.find((level) => level.load > 0) ?? levels[0];
  if (first !== undefined) first.load += left;
  return levels;
}
