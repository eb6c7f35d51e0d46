/** The configuration in service. */
import * as z from 'zod';
import { dumpImage } from '../../config/dump.ts';
import { configJsonSchema } from '../../config/json-schema.ts';
import type { RunningConfig } from '../../control/view.ts';
import { json, versionHeaders, type AdminAnswer } from '../answer.ts';
import { operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';
import { NO_CONFIG, noConfig } from './no-config.ts';

const isoTime = z.iso.datetime();

/** Made when it is first asked for: it takes some 10 ms, and never changes. */
let schemaAnswer: AdminAnswer | undefined;

export const CONFIG = [
  operation({
    method: 'GET',
    path: '/config',
    summary: 'the configuration in service, JSON; ?format=image for the compiled tables',
    description: 'Private keys and tokens are left out.',
    access: 'read',
    query: z.object({ format: z.enum(['json', 'image']).default('json').describe('image: the tables that the engine reads') }),
    body: null,
    answers: [
      {
        status: 200,
        description: 'the configuration with all defaults, or the image',
        schema: z.union([
          z.looseObject({
            file: z.string(),
            hash: z.string(),
            version: z.int(),
            loadedAt: isoTime,
            reloads: z.object({ ok: z.int(), failed: z.int(), lastReloadSuccess: z.boolean(), lastReloadAt: isoTime.nullable(), lastProblems: z.array(z.string()) }),
            config: z.looseObject({
              workers: z.int(),
              drainTimeoutMs: z.int(),
              log: z.object({ level: z.string() }),
              admin: z.object({ host: z.string(), port: z.int(), tokens: z.array(z.object({ name: z.string(), readOnly: z.boolean(), digest: z.literal('<redacted>') })) }).nullable(),
              listeners: z.array(z.looseObject({ name: z.string() })),
              routes: z.record(z.string(), z.array(z.looseObject({ name: z.string() }))),
              clusters: z.record(z.string(), z.looseObject({ endpoints: z.array(z.looseObject({ name: z.string() })) })),
            }),
          }),
          z.looseObject({ hash: z.string(), bytes: z.int(), listeners: z.array(z.looseObject({})), routes: z.looseObject({}), clusters: z.looseObject({}) }).describe('the tables of the image'),
        ]),
      },
      NO_CONFIG,
    ],
    handle({ view: { running, reloads }, query: { format } }) {
      if (running === null) return noConfig();
      const { file, hash, version, loadedAtMs } = running;
      if (format === 'image') return json(200, dumpImage(running.image), versionHeaders(version));
      const shown = {
        file,
        hash,
        version,
        loadedAt: new Date(loadedAtMs).toISOString(),
        reloads: { ...reloads, lastReloadAtMs: undefined, lastReloadAt: reloads.lastReloadAtMs === null ? null : new Date(reloads.lastReloadAtMs).toISOString() },
        config: shownConfig(running),
      };
      return json(200, shown, versionHeaders(version));
    },
  }),
  operation({
    method: 'GET',
    path: '/config/schema',
    summary: 'JSON Schema of a configuration, for editors',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'JSON Schema, draft 2020-12', schema: z.looseObject({ $schema: z.string(), properties: z.looseObject({}) }) }],
    handle: () => (schemaAnswer ??= json(200, configJsonSchema())),
  }),
];

/** Private keys, and what a token could be guessed from, never leave the process; bodies are shown as text, or in base64 when they are not text. */
function shownConfig(running: RunningConfig): unknown {
  return JSON.parse(
    JSON.stringify(running.config, (name, value: unknown) => {
      if ((name === 'key' || name === 'digest') && typeof value === 'string') return '<redacted>';
      return value instanceof Uint8Array ? bytesText(value) : value;
    }),
  );
}

function bytesText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return `base64:${Buffer.from(bytes).toString('base64')}`;
  }
}
