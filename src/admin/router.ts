/** Which operation a method and a path mean. */
import { nearest } from '../config/nearest.ts';
import type { Method, Operation } from './operation.ts';

/** How one path is served. */
interface Place {
  /** Literal text, or null for a parameter. */
  segments: readonly (string | null)[];
  names: readonly string[];
  template: string;
  operations: Map<Method, Operation>;
}

export type Routed =
  | { kind: 'operation'; operation: Operation; params: Record<string, string> }
  /** `allow` for the Allow header. */
  | { kind: 'options' | 'wrongMethod'; allow: string; template: string }
  /** `near`: the path that was most likely meant. */
  | { kind: 'unknown'; near: string | undefined }
  /** A "%" that is not followed by two hexadecimal digits, or bytes that are not UTF-8. */
  | { kind: 'undecodable' };

/** A literal path goes before one with a parameter in the same place. O(number of paths) per request. */
export class Router {
  readonly #places: readonly Place[];

  constructor(operations: readonly Operation[]) {
    const places = new Map<string, Place>();
    for (const operation of operations) {
      const key = operation.path.replace(/\{[^{}]*\}/g, '{}');
      const place = places.get(key) ?? placeOf(operation.path);
      if (place.template !== operation.path) throw new Error(`${operation.path} and ${place.template} are the same path`);
      if (place.operations.has(operation.method)) throw new Error(`${operation.method} ${operation.path} is there twice`);
      place.operations.set(operation.method, operation);
      places.set(key, place);
    }
    this.#places = [...places.values()].sort((a, b) => a.names.length - b.names.length);
  }

  /** `path`: as it was sent, percent-encoded, without its query. */
  find(method: string, path: string): Routed {
    const sent = path.split('/');
    const segments: string[] = [];
    for (const segment of sent) {
      const decoded = decodeSegment(segment);
      if (decoded === undefined) return { kind: 'undecodable' };
      segments.push(decoded);
    }
    const place = this.#places.find((candidate) => matches(candidate, segments));
    if (place === undefined) return { kind: 'unknown', near: this.#near(segments) };
    const { operations, template } = place;
    if (method === 'OPTIONS') return { kind: 'options', allow: allowOf(operations), template };
    // HEAD comes with GET.
    const found = operations.get((method === 'HEAD' ? 'GET' : method) as Method);
    if (found === undefined) return { kind: 'wrongMethod', allow: allowOf(operations), template };
    const values = segments.filter((_, index) => place.segments[index] === null);
    return { kind: 'operation', operation: found, params: Object.fromEntries(place.names.map((name, index) => [name, values[index] ?? ''])) };
  }

  /** Parameters are taken as they were written; so a typing error is found in the words of the template. */
  #near(segments: readonly string[]): string | undefined {
    const known = this.#places.map((place) => place.segments.map((segment, index) => segment ?? (segments[index] || `{${place.names[0]}}`)).join('/'));
    const path = segments.join('/');
    const whole = path.replace(/\/+$/, '');
    return known.includes(whole) ? whole : nearest(path, known);
  }
}

function placeOf(template: string): Place {
  const names: string[] = [];
  const segments = template.split('/').map((segment) => {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined) return segment;
    names.push(name);
    return null;
  });
  return { segments, names, template, operations: new Map() };
}

function matches({ segments }: Place, sent: readonly string[]): boolean {
  return segments.length === sent.length && segments.every((segment, index) => (segment === null ? sent[index] !== '' : segment === sent[index]));
}

function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function allowOf(operations: ReadonlyMap<Method, Operation>): string {
  return [...operations.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).concat('OPTIONS').join(', ');
}
