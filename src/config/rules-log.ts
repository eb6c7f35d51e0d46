import { resolve } from 'node:path';
import { LIMITS } from '../binding/abi.ts';
import { headersOf } from './build-log.ts';
import { checkReference, excluding, list, mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';

/** Rules between the sinks of the access log and the rest: each has a path of its own, and names routes that exist. */
export function checkAccessLog(config: Record<string, unknown>, report: Report): void {
  const written = config['accessLog'];
  const sinks: [Path, unknown][] = Array.isArray(written) ? written.map((sink, i) => [['accessLog', i], sink]) : [[['accessLog'], written]];
  const routes = routeNames(config);
  const seen = new Map<string, number>();
  for (const [index, [path, value]] of sinks.entries()) {
    const sink = mapping(value);
    const name = sink['path'];
    if (typeof name === 'string') {
      const target = name === 'stdout' || name === 'stderr' ? name : resolve('/', name);
      const earlier = seen.get(target);
      if (earlier === undefined) seen.set(target, index);
      else report([...path, 'path'], `${JSON.stringify(name)} is already the path of accessLog[${earlier}]`, 'give each sink a file of its own');
    }
    for (const [i, route] of list(sink['routes']).entries()) checkReference('route', route, routes, [...path, 'routes', i], report);
    const format = sink['format'];
    const { text, fields } = mapping(format);
    if (typeof format === 'object' && format !== null && excluding([...path, 'format'], mapping(format), ['text', 'fields'], report).length === 0)
      report([...path, 'format'], 'expected text or fields', 'write { text: "…" } or { fields: […] }');
    if (typeof text === 'string' && headersOf(text).length > LIMITS.maxLogHeaders)
      report([...path, 'format', 'text'], `the template names more than ${LIMITS.maxLogHeaders} request headers`);
    const wantsHeaders = Array.isArray(fields) && fields.includes('requestHeaders');
    if (wantsHeaders && list(sink['requestHeaders']).length === 0)
      report([...path, 'format', 'fields'], 'the field requestHeaders needs "requestHeaders" beside "format"', 'list the headers there');
  }
}

/** Every name of a route, as it is or as it is made up. */
function routeNames(config: Record<string, unknown>): string[] {
  return Object.entries(mapping(config['routes'])).flatMap(([table, hosts]) =>
    list(hosts).flatMap((host, index) =>
      list(mapping(host)['routes']).map((route, i) => {
        const { name } = mapping(route);
        return typeof name === 'string' ? name : `${table}/${index}/${i}`;
      }),
    ),
  );
}
