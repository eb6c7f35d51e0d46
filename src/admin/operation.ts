/**
 * An operation of the admin endpoint: the one place that says what it takes, what it answers and what it does. The router, the
 * checks of requests and the OpenAPI document are all made of these.
 */
import type * as z from 'zod';
import type { ControlView } from '../control/view.ts';
import type { AdminCounters } from './admin-counters.ts';
import type { AdminAnswer } from './answer.ts';
import type { Assets } from './assets.ts';
import type { IfMatch } from './if-match.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** open: needs no token: health probes, and the files of the dashboard · read · change: not with a token that is `readOnly`. */
export type Access = 'open' | 'read' | 'change';

/** A JSON body, parsed and checked before `handle` is called: 400 with line and column, 422 with every path. */
export interface JsonBody<S extends z.ZodType = z.ZodType> {
  kind: 'json';
  schema: S;
  /** Media types that are taken; default: application/json. */
  types?: readonly string[];
  maxBytes: number;
  /** It may be left out; `body` is undefined then. */
  optional?: boolean;
}

/** A body that the operation parses itself: `body` is its text (checked to be UTF-8) and its media type. */
export interface TextBody {
  kind: 'text';
  types: readonly string[];
  /** Of what the text holds, for the OpenAPI document. */
  schema?: z.ZodType;
  maxBytes: number;
}

export type BodyRule = JsonBody | TextBody;

/** An answer that a caller must reckon with. What the server itself refuses (401, 403, 404 of a path, 413 ...) is added to the document. */
export type AnswerRule = { status: number; description: string } & (
  | { schema: z.ZodType; types?: undefined }
  | { types: readonly string[]; schema?: undefined }
);

type ParameterNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | ParameterNames<Rest> : never;
type BodyOf<Body> = Body extends { kind: 'json'; schema: infer S extends z.ZodType; optional: true } ? z.output<S> | undefined
  : Body extends { kind: 'json'; schema: infer S extends z.ZodType } ? z.output<S>
  : Body extends { kind: 'text' } ? { type: string; text: string }
  : undefined;

/** What the admin server itself knows. */
export interface AdminState {
  readonly operations: readonly Operation[];
  /** Files of the dashboard. */
  readonly assets: Assets;
  readonly counters: AdminCounters;
}

export interface OperationContext<Params = Readonly<Record<string, string>>, Query = unknown, Body = unknown> {
  view: ControlView;
  admin: AdminState;
  /** Of the path, decoded once. */
  params: Params;
  query: Query;
  body: Body;
  /** Who asks: the name of the token, else the peer's address. */
  who: string;
  /** Checked against the running version before `handle`; a change that waits for others checks again, with `versionMatches`. */
  ifMatch: IfMatch;
  /** These headers; empty when there is none. */
  accept: string;
  ifNoneMatch: string;
}

export interface Operation {
  method: Method;
  /** A template: '/clusters/{cluster}/endpoints/{endpoint}'. A parameter is one whole segment. */
  path: string;
  /** One line: in the list at `/` and in the OpenAPI document. */
  summary: string;
  description?: string;
  access: Access;
  /** Of texts: see operation-query.ts for numbers, flags and durations. Each parameter may be given once. */
  query: z.ZodObject;
  /** Null: a request with a body is refused. */
  body: BodyRule | null;
  answers: readonly AnswerRule[];
  // A method and not a property: the parameters of each operation are narrower than these.
  handle(context: OperationContext): AdminAnswer | Promise<AdminAnswer>;
}

interface Definition<Path extends string, Query extends z.ZodObject, Body extends BodyRule | null> extends Omit<Operation, 'handle'> {
  path: Path;
  query: Query;
  body: Body;
  handle(context: OperationContext<Readonly<Record<ParameterNames<Path>, string>>, z.output<Query>, BodyOf<Body>>): AdminAnswer | Promise<AdminAnswer>;
}

/** Gives `handle` the types of the parameters, the query and the body that stand beside it. */
export function operation<const Path extends string, Query extends z.ZodObject, const Body extends BodyRule | null>(definition: Definition<Path, Query, Body>): Operation {
  return definition;
}
