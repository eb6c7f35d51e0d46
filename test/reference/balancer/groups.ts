import { type Level, levelsOf } from './priorities.ts';
import type { BalancerSettings, Endpoint } from './settings.ts';
import { effectiveWeights, slowStartFactor } from './slow-start.ts';

/** Shares are in 1/10000 of the traffic. */
export const WHOLE = 10_000;

/** Endpoints that a pick chooses from, once it has chosen this group. */
export interface Group {
  priority: number;
  zone: 'all' | 'local' | 'remote';
  share: number;
  panic: boolean;
  /** Slots of the candidates, in their order. */
  members: number[];
  /** Effective weights 1..65535, parallel to the members. */
  weights: number[];
}

export interface Plan {
  groups: Group[];
  /** Some candidate is in slow start. */
  warming: boolean;
  panicking: boolean;
}

/**
 * The plan of a set of endpoints: its groups in the order of their use, [local, remote] or [all] for each level. A group
 * of share 0 is there for requests that find nobody in the others.
 */
export function planOf(settings: BalancerSettings, endpoints: readonly Endpoint[], nowMs: number): Plan {
  const levels = levelsOf(settings, endpoints);
  const groups = levels
    .flatMap((level, i) => (i === 0 ? zoneGroups(settings, endpoints, levels, level) : [wholeLevel(level)]))
    .filter((group) => group.members.length > 0)
    .map((group): Group => {
      const members = group.members.map((slot) => endpoints[slot]!);
      return { ...group, weights: effectiveWeights(settings, members, nowMs) };
    });
  const candidates = groups.flatMap((group) => group.members).map((slot) => endpoints[slot]!);
  return {
    groups,
    warming: candidates.some((endpoint) => slowStartFactor(settings, endpoint, nowMs) < 1),
    panicking: groups.some((group) => group.panic),
  };
}

type Unweighted = Omit<Group, 'weights'>;

function wholeLevel(level: Level): Unweighted {
  return {
    priority: level.priority,
    zone: 'all',
    share: level.load * (WHOLE / 100),
    panic: level.panic,
    members: level.panic ? level.members : level.available,
  };
}

/**
 * Preference for the own zone, at the first level: the local members carry what they can, overprovisioned as priorities are
 * (all of it with 5 of 7 available, 70 % with half of them), and the others the rest. How the traffic is spread over the
 * zones it comes from is not known here.
 */
function zoneGroups(
  settings: BalancerSettings,
  endpoints: readonly Endpoint[],
  levels: readonly Level[],
  level: Level,
): Unweighted[] {
  const whole = wholeLevel(level);
  const isLocal = (slot: number) => endpoints[slot]!.zone === settings.zone;
  const everyone = levels.reduce((count, one) => count + one.members.length, 0);
  const local = level.available.filter(isLocal);
  if (settings.zone === '' || level.panic || everyone < settings.zoneMinEndpoints || local.length === 0) return [whole];

  const remote = level.available.filter((slot) => !isLocal(slot));
  const present = level.members.filter(isLocal).length;
  const capacity = Math.min(WHOLE, Math.floor((settings.overprovisioningPercent * 100 * local.length) / present));
  const share = remote.length === 0 ? whole.share : Math.floor((whole.share * capacity) / WHOLE);
  return [
    { ...whole, zone: 'local', share, members: local },
    { ...whole, zone: 'remote', share: whole.share - share, members: remote },
  ];
}

/** The group that a draw in [0, 10000) falls into. */
export function groupOfDraw(groups: readonly Group[], draw: number): number {
  let sum = 0;
  for (const [i, group] of groups.entries()) {
    sum += group.share;
    if (draw < sum) return i;
  }
  return 0;
}

/** The order in which groups are tried when `first` was drawn. */
export function groupOrder(groups: readonly Group[], first: number): Group[] {
  const drawn = groups[first];
  return drawn === undefined ? [] : [drawn, ...groups.filter((group) => group !== drawn)];
}
