/** What must hold between keys of a scenario. Works on the raw tree, so that all problems are told at once. */
import { LIMITS, POLICY } from '../binding/abi.ts';
import { checkReference, excluding, list, mapping, type Report } from '../config/raw.ts';
import { checkBalancerOptions } from '../config/rules-balancer.ts';
import { checkOrder } from '../config/rules-failover.ts';
import { checkRateLimit } from '../config/rules-rate.ts';
import type { Path } from '../config/source.ts';
import type { PolicyName } from '../config/types.ts';
import { groupName } from './build.ts';
import { MOST_PROXIES, SERVICE_TIMES } from './schema.ts';

/** What the engine holds of each endpoint, once for each proxy (0.4 KB); places to work at, of all endpoints. */
const MOST_VIEWS = 2 ** 19;
const MOST_PLACES = 2 ** 21;

export function checkScenario(root: unknown, report: Report): void {
  const scenario = mapping(root);
  excluding([], scenario, ['load', 'rate'], report);
  excluding([], scenario, ['requests', 'duration'], report);
  const groups = checkGroups(list(scenario['endpoints']), report);
  if (groups.length > 0 && list(scenario['endpoints']).every((group) => mapping(group)['weight'] === 0)) report(['endpoints'], 'every group has the weight 0: nobody would get a request');
  if (groups.length > 0 && scenario['rate'] === undefined && list(scenario['endpoints']).every((group) => mapping(group)['fails'] === 1))
    report(['endpoints'], 'every endpoint fails always, so that there is no capacity that a load could be a share of', 'write "rate" instead of "load"');
  for (const [index, group] of list(scenario['endpoints']).entries()) checkServiceTime(['endpoints', index, 'serviceTime'], mapping(group)['serviceTime'], report);
  checkSize(scenario, report);
  for (const [index, entry] of list(scenario['changes']).entries()) checkChange(['changes', index], mapping(entry), groups, report);
  for (const [index, entry] of list(scenario['policies']).entries()) {
    const { policy = 'leastRequest', ...options } = mapping(entry);
    if (typeof policy === 'string' && Object.hasOwn(POLICY, policy)) checkBalancerOptions(['policies', index], policy as PolicyName, options, report);
    checkSettings(['policies', index], options, report);
  }
  checkSettings([], scenario, report);
}

/** What a scenario has for all, and a candidate may have of its own. */
function checkSettings(path: Path, settings: Record<string, unknown>, report: Report): void {
  for (const [index, condition] of list(mapping(settings['retry'])['on']).entries())
    if (/^\d+$/.test(String(condition))) report([...path, 'retry', 'on', index], 'in a simulation endpoints answer 200, 500 or 503 only', 'write 5xx');
  checkOrder([...path, 'outlierDetection'], mapping(settings['outlierDetection']), 'baseEjectionTime', '30s', 'maxEjectionTime', report);
  checkOrder([...path, 'circuitBreaker'], mapping(settings['circuitBreaker']), 'interval', '5s', 'maxInterval', report);
  checkRateLimit([...path, 'rateLimit'], mapping(settings['rateLimit']), false, report);
}

function checkGroups(groups: readonly unknown[], report: Report): string[] {
  const names = groups.map((group, index) => groupName({ name: textOf(mapping(group)['name']) }, index));
  for (const [index, name] of names.entries()) {
    const earlier = names.indexOf(name);
    if (earlier < index) report(['endpoints', index, 'name'], `the name ${JSON.stringify(name)} is already used by endpoints[${earlier}]`);
  }
  return names;
}

function checkSize(scenario: Record<string, unknown>, report: Report): void {
  const endpoints = list(scenario['endpoints']).reduce<number>((sum, group) => sum + numberOf(mapping(group)['count'], 1), 0);
  if (endpoints > LIMITS.maxEndpoints) report(['endpoints'], `${endpoints} endpoints are more than ${LIMITS.maxEndpoints}, the most of a cluster`);
  const places = list(scenario['endpoints']).reduce<number>((sum, group) => sum + numberOf(mapping(group)['count'], 1) * numberOf(mapping(group)['concurrency'], 4), 0);
  if (places > MOST_PLACES) report(['endpoints'], `${places} requests that are worked on at once (count x concurrency) are more than this can hold, ${MOST_PLACES}`);
  const proxies = numberOf(scenario['proxies'], 1);
  if (proxies <= MOST_PROXIES && endpoints <= LIMITS.maxEndpoints && proxies * endpoints > MOST_VIEWS)
    report(['proxies'], `${proxies} proxies with ${endpoints} endpoints each are more than this can hold`, `at most ${Math.floor(MOST_VIEWS / endpoints)} proxies`);
}

const EFFECTS = ['serviceTime', 'factor', 'fails', 'down'] as const;

function checkChange(path: (string | number)[], change: Record<string, unknown>, groups: readonly string[], report: Report): void {
  checkReference('group of endpoints', change['group'], groups, [...path, 'group'], report);
  if (Object.keys(change).length > 0 && EFFECTS.every((effect) => change[effect] === undefined))
    report(path, `this changes nothing: expected ${EFFECTS.join(', ')}`, 'such as factor: 10', 'key');
  excluding(path, change, ['serviceTime', 'factor'], report);
  checkServiceTime([...path, 'serviceTime'], change['serviceTime'], report);
}

function checkServiceTime(path: Path, value: unknown, report: Report): void {
  if (typeof value !== 'object' || value === null) return;
  const kinds = excluding(path, mapping(value), SERVICE_TIMES, report);
  // A misspelt one is reported by the schema.
  if (kinds.length === 0 && Object.keys(value).length === 0) report(path, `expected one of ${SERVICE_TIMES.join(', ')}`, 'such as { exponential: 10ms }');
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value.trim() : undefined);
const numberOf = (value: unknown, missing: number): number => (value === undefined ? missing : typeof value === 'number' && value >= 0 ? value : 0);
