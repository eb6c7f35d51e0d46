import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { json } from '../../../src/admin/answer.ts';
import { openApi } from '../../../src/admin/openapi.ts';
import { operation } from '../../../src/admin/operation.ts';
import { flag, wholeNumber } from '../../../src/admin/operation-query.ts';
import { OPERATIONS } from '../../../src/admin/operations/index.ts';
import { errorSchema } from '../../../src/admin/operations/no-config.ts';
import { Router } from '../../../src/admin/router.ts';
import { adminServer, ask, view } from './support.ts';

interface Described {
  operationId: string;
  summary: string;
  security?: unknown[];
  parameters: { name: string; in: string; required: boolean; schema: Record<string, unknown> }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<string, { $ref?: string; description?: string; content?: Record<string, { schema: Record<string, unknown> }> }>;
}

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, unknown>; responses: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

const documentOf = (operations = OPERATIONS): Document => openApi(operations) as unknown as Document;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

describe('the OpenAPI document', () => {
  it('has every operation, and no other', async () => {
    const server = await adminServer(await view());
    const { paths, openapi } = JSON.parse((await ask(server, '/openapi.json')).body) as Document;
    expect(openapi).toBe('3.1.0');
    const documented = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
    expect(documented.sort()).toEqual(OPERATIONS.map(({ method, path }) => `${method} ${path}`).sort());
    const router = new Router(OPERATIONS);
    for (const [template, item] of Object.entries(paths)) {
      for (const method of METHODS) {
        const path = template.replace(/\{\w+\}/g, 'some%20thing');
        expect(router.find(method.toUpperCase(), path), `${method} ${path}`).toMatchObject(Object.hasOwn(item, method) ? { kind: 'operation', operation: { path: template } } : { kind: 'wrongMethod' });
      }
    }
  });

  it('says for each what is expected of every one of them', () => {
    const { paths, components } = documentOf();
    const ids = new Set<string>();
    for (const [template, item] of Object.entries(paths)) {
      for (const [method, described] of Object.entries(item)) {
        const what = `${method} ${template}`;
        const source = OPERATIONS.find((one) => one.method === method.toUpperCase() && one.path === template);
        expect(described.summary, what).not.toBe('');
        expect(ids.has(described.operationId), what).toBe(false);
        ids.add(described.operationId);
        expect(described.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name), what).toEqual([...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
        expect(described.parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name), what).toEqual(Object.keys(source?.query.shape ?? {}));
        expect(described.requestBody !== undefined, what).toBe(source?.body !== null);
        expect(described.security !== undefined, what).toBe(source?.access === 'open');
        for (const { status } of source?.answers ?? []) expect(Object.keys(described.responses), what).toContain(String(status));
        if (source?.access === 'change') {
          expect(method, what).not.toBe('get');
          expect(described.parameters.some(({ name }) => name === 'If-Match'), what).toBe(true);
        }
      }
    }
    expect(components.schemas).toMatchObject({ Error: { type: 'object', properties: { error: { type: 'string' } } } });
    for (const [, reference] of JSON.stringify({ paths, components }).matchAll(/"\$ref":"([^"]+)"/g)) {
      const [, kind = '', name = ''] = /^#\/components\/(schemas|responses)\/(.+)$/.exec(reference ?? '') ?? [];
      expect(components[kind as 'schemas'], reference).toHaveProperty([name]);
    }
  });

  it('tells parameters as they are on the wire, bodies as they are sent, and definitions once', () => {
    const tree: z.ZodType = z.object({ name: z.string(), get inside() { return z.array(tree); } }).meta({ id: 'Tree' });
    const plain: z.ZodType = z.object({ get next() { return plain.optional(); } });
    const document = documentOf([
      operation({
        method: 'PATCH', path: '/trees/{tree}', summary: 'cuts', access: 'change',
        query: z.object({ limit: wholeNumber(1, 9).prefault('5').describe('how many'), dryRun: flag.default(false), need: flag }),
        body: { kind: 'json', schema: z.strictObject({ to: z.string().transform((text) => text.length) }), types: ['application/merge-patch+json'], maxBytes: 10, optional: true },
        answers: [{ status: 200, description: 'cut', schema: tree }, { status: 201, description: 'plain', schema: plain }, { status: 404, description: 'no such tree', schema: errorSchema }],
        handle: () => json(200, {}),
      }),
    ]);
    const patch = document.paths['/trees/{tree}']?.['patch'];
    expect(patch?.operationId).toBe('patchTreesTree');
    expect(patch?.parameters).toMatchObject([
      { name: 'tree', in: 'path', required: true },
      { name: 'limit', in: 'query', required: false, description: 'how many', schema: { type: 'string', default: '5' } },
      { name: 'dryRun', in: 'query', required: false, schema: { enum: ['0', '1'], default: '0' } },
      { name: 'need', in: 'query', required: true },
      { name: 'If-Match', in: 'header' },
    ]);
    expect(patch?.requestBody).toMatchObject({ required: false, content: { 'application/merge-patch+json': { schema: { properties: { to: { type: 'string' } }, additionalProperties: false } } } });
    expect(JSON.stringify(patch?.responses['200'])).toContain('#/components/schemas/Tree');
    expect(document.components.schemas).toMatchObject({ Tree: { properties: { inside: { items: { $ref: '#/components/schemas/Tree' } } } } });
    expect(patch?.responses['404']).toEqual({ description: 'no such tree', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } });
    expect(patch?.responses['412']).toEqual({ $ref: '#/components/responses/refused412' });
    expect(JSON.stringify(document)).not.toContain('$defs');
    expect(JSON.stringify(document)).not.toContain('"$ref":"#"');
  });
});
