/** The search for a route, with names. */
import type { NativeExplanation, NativeStep } from '../../binding/explain.ts';
import type { PredicateConfig, RouteConfig } from '../../config/types.ts';
import { at, type Places } from './places.ts';
import type { ExplainedMatch, ExplainedStep } from './schema.ts';

export function explainMatch(places: Places, table: string, method: string, match: NonNullable<NativeExplanation['match']>): ExplainedMatch {
  const step = (one: NativeStep): ExplainedStep => explainStep(at(places.routes, one.route).route, method, one);
  const host = match.vhost === null ? null : at(places.virtualHosts, match.vhost);
  const won = match.route === null ? null : at(places.routes, match.route).route.name;
  return {
    table,
    probes: match.probes.map(({ key, vhost }) => ({ host: key.startsWith('.') ? `*${key}` : key, virtualHost: vhost === null ? null : at(places.virtualHosts, vhost).name })),
    virtualHost: host === null ? null : { name: host.name, hosts: host.hosts },
    tried: match.tried.map(step),
    notReached: match.unreached.map((one) => {
      const explained = step(one);
      const reason = `${won === null ? 'no route' : JSON.stringify(won)} matched first`;
      return { ...explained, text: explained.failed === null ? `not reached: ${reason}` : `not reached: ${reason}; nor would it match: ${explained.failed.text}` };
    }),
    notReachedMore: match.unreachedMore,
    route: won,
  };
}

function explainStep(route: RouteConfig, method: string, step: NativeStep): ExplainedStep {
  const { path, methods, headers, query } = route.match;
  const shown = { route: route.name, path };
  if (step.failed === undefined) return { ...shown, failed: null };
  if (step.failed === 'method')
    return { ...shown, failed: { kind: 'method', name: '', op: 'exact', expected: methods.join(', '), negate: false, actual: [method], text: `method is ${method}, not ${methods.join(' or ')}` } };
  const kind = step.failed < headers.length ? 'header' : 'query';
  const predicate = at([...headers, ...query], step.failed);
  const actual = step.actual ?? [];
  return { ...shown, failed: { kind, name: predicate.name, op: predicate.op, expected: predicate.value, negate: predicate.negate, actual, text: failureText(kind, predicate, actual) } };
}

const OPERATORS: Readonly<Record<PredicateConfig['op'], string>> = { present: 'be there', exact: 'be', prefix: 'begin with', suffix: 'end with', contains: 'hold', regex: 'match' };

function failureText(kind: 'header' | 'query', { name, op, value, negate }: PredicateConfig, actual: readonly string[]): string {
  const wanted = `${negate ? 'must not' : 'must'} ${OPERATORS[op]}${op === 'present' ? '' : ` ${JSON.stringify(value)}`}`;
  const seen = actual.length === 0 ? 'it is not there' : `it is ${actual.map((one) => JSON.stringify(one)).join(', ')}`;
  return `${kind === 'header' ? 'header' : 'query parameter'} ${name} ${wanted}: ${seen}`;
}
