/** The OpenAPI 3.1 document of the admin endpoint, made of its operations. */
import * as z from 'zod';
import { VERSION } from '../core/version.ts';
import type { AnswerRule, BodyRule, Operation } from './operation.ts';
import { errorSchema } from './operations/no-config.ts';
import { bodyTypes } from './request-body.ts';

type Json = Record<string, unknown>;

const ERROR_REFERENCE = { $ref: '#/components/schemas/Error' };

/** What the server itself refuses, by status. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'the query, If-Match or the body cannot be read',
  401: 'it needs a token of admin.tokens',
  403: 'it came from a page of another site, or the token is readOnly',
  408: 'the body did not arrive in time',
  412: 'another version is running than If-Match names',
  413: 'the body is too large, or there should be none',
  415: 'the body is of another type',
  422: 'the body has problems: each with its path',
  500: 'a defect; the log says more',
};

/** Every operation, with what it takes and answers. About 10 ms: kept by whoever serves it. */
export function openApi(operations: readonly Operation[]): Json {
  const schemas: Json = {};
  const hoist = new Hoist(schemas);
  // It brings its own name.
  hoist.schema(errorSchema, 'output', 'Error');
  const paths: Record<string, Json> = {};
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method.toLowerCase()] = describe(operation, hoist);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace admin',
      version: VERSION,
      description: 'The operator\'s port of the proxy. HEAD comes with every GET, and OPTIONS says what a path takes. Unknown parameters are refused. Every answer about the configuration has its version as ETag, for If-Match.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'One of admin.tokens. Without any configured (on loopback only) none is needed.' } },
      schemas,
      responses: Object.fromEntries(Object.entries(REFUSALS).map(([status, description]) => [`refused${status}`, refusal(Number(status), description)])),
    },
  };
}

function refusal(status: number, description: string): Json {
  return {
    description,
    ...(status === 401 ? { headers: { 'www-authenticate': { schema: { type: 'string' }, description: 'Bearer' } } } : {}),
    content: { 'application/json': { schema: ERROR_REFERENCE } },
  };
}

function describe(operation: Operation, hoist: Hoist): Json {
  const id = operationId(operation);
  const own = Object.fromEntries(answersOf(operation).map(([status, rules]) => [status, answer(rules, hoist, id)]));
  const refused = refusalsOf(operation).filter((status) => !Object.hasOwn(own, status)).map((status) => [status, { $ref: `#/components/responses/refused${status}` }] as const);
  return {
    operationId: id,
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    ...(operation.access === 'open' ? { security: [] } : {}),
    parameters: [...pathParameters(operation.path), ...queryParameters(operation, hoist, id), ...headerParameters(operation)],
    ...(operation.body === null ? {} : { requestBody: requestBody(operation.body, hoist, id) }),
    responses: { ...own, ...Object.fromEntries(refused), default: { description: 'refused', content: { 'application/json': { schema: ERROR_REFERENCE } } } },
  };
}

/** `PATCH /clusters/{cluster}` is patchClustersCluster. */
function operationId({ method, path }: Operation): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method.toLowerCase() + (words.length === 0 ? 'Root' : words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(''));
}

/** Several forms of one answer share its status. */
function answersOf({ answers }: Operation): [string, AnswerRule[]][] {
  const byStatus = new Map<string, AnswerRule[]>();
  for (const rule of answers) byStatus.set(String(rule.status), [...(byStatus.get(String(rule.status)) ?? []), rule]);
  return [...byStatus];
}

function answer(rules: readonly AnswerRule[], hoist: Hoist, id: string): Json {
  const content: Json = {};
  for (const { status, schema, types } of rules) {
    if (schema !== undefined) content['application/json'] = { schema: schema === errorSchema ? ERROR_REFERENCE : hoist.schema(schema, 'output', `${id}${status}`) };
    else for (const type of types) content[type.split(';', 1)[0] ?? type] = { schema: { type: 'string' } };
  }
  return { description: rules.map(({ description }) => description).join('; or '), ...(Object.keys(content).length === 0 ? {} : { content }) };
}

function refusalsOf({ access, body, method }: Operation): string[] {
  return [
    400,
    ...(access === 'open' ? [] : [401]),
    403,
    ...(access === 'change' ? [412] : []),
    ...(body === null ? (method === 'GET' ? [413] : [413, 415]) : [408, 413, 415]),
    ...(body === null ? [] : [422]),
    500,
  ].map(String);
}

function pathParameters(path: string): Json[] {
  return Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters({ query }: Operation, hoist: Hoist, id: string): Json[] {
  const { properties = {}, required = [] } = hoist.schema(query, 'input', `${id}Query`) as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: { ...schema, ...defaultOf(query.shape[name] as z.core.$ZodType | undefined) },
  }));
}

/** zod knows the default as what the operation gets; on the wire it is a text. */
function defaultOf(schema: z.core.$ZodType | undefined): { default?: string } {
  const definition = schema?._zod.def as { type?: string; defaultValue?: unknown } | undefined;
  return definition?.type === 'default' || definition?.type === 'prefault' ? { default: onTheWire(definition.defaultValue) } : {};
}

function onTheWire(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function headerParameters({ access }: Operation): Json[] {
  if (access !== 'change') return [];
  return [{ name: 'If-Match', in: 'header', required: false, description: 'the ETag of the configuration that the change was made for, such as "7"; 412 when another one is running', schema: { type: 'string' } }];
}

function requestBody(body: BodyRule, hoist: Hoist, id: string): Json {
  const schema = body.schema === undefined ? {} : hoist.schema(body.schema, 'input', `${id}Body`);
  return {
    required: !(body.kind === 'json' && body.optional === true),
    description: `at most ${body.maxBytes} bytes`,
    content: Object.fromEntries(bodyTypes(body).map((type) => [type, { schema }])),
  };
}

/** JSON Schema whose definitions stand in `components`, where a document has them, instead of in the schema. */
class Hoist {
  readonly #schemas: Json;

  constructor(schemas: Json) {
    this.#schemas = schemas;
  }

  /** `owner` tells definitions without a name apart. */
  schema(schema: z.ZodType, io: 'input' | 'output', owner: string): Json {
    const { $defs = {}, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json & { $defs?: Json };
    // The dialect is that of the document, and names stand outside.
    delete rest['$schema'];
    delete rest['id'];
    const nameOf = (name: string): string => (name.startsWith('__') ? `${owner}${name}` : name);
    const rewritten = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(rewritten);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => {
        if (key !== '$ref' || typeof inner !== 'string') return [key, rewritten(inner)];
        return [key, inner === '#' ? `#/components/schemas/${owner}` : inner.replace(/^#\/\$defs\/(.*)$/, (_, name: string) => `#/components/schemas/${nameOf(name)}`)];
      }));
    };
    for (const [name, definition] of Object.entries($defs)) this.#schemas[nameOf(name)] = rewritten(definition);
    const result = rewritten(rest) as Json;
    if (JSON.stringify(rest).includes('"$ref":"#"')) this.#schemas[owner] = result;
    return result;
  }
}
