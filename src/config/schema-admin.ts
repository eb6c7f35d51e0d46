/** The admin endpoint, and who may use it. */
import * as z from 'zod';
import { parseListenAddress } from './address.ts';
import { parsing, refuse } from './parsing.ts';
import * as scalar from './schema-scalars.ts';

/** A guess per millisecond for a thousand years does not find 16 random characters. */
const LEAST_CHARACTERS = 16;
/** It must fit into a header line. */
const MOST_CHARACTERS = 1024;
const VISIBLE = /^[\x21-\x7e]+$/;

/** Why a text cannot be a token, in words that do not hold it; undefined when it can. */
export function tokenFault(token: string): string | undefined {
  if (!VISIBLE.test(token)) return 'a token is made of visible ASCII characters, without spaces';
  if (token.length < LEAST_CHARACTERS) return `a token has at least ${LEAST_CHARACTERS} characters, and this one has ${token.length}`;
  return token.length > MOST_CHARACTERS ? `a token has at most ${MOST_CHARACTERS} characters` : undefined;
}

// Not z.string(): what is wrong with it would be told together with the value.
const tokenText = parsing(z.unknown().meta({ type: 'string', minLength: LEAST_CHARACTERS, maxLength: MOST_CHARACTERS }), (value) => {
  if (typeof value !== 'string') return refuse('a token is a text', 'write it in quotes');
  const fault = tokenFault(value);
  return fault === undefined ? value : refuse(fault, 'openssl rand -hex 32 makes a good one');
});

const token = z.strictObject({
  name: scalar.name.describe('stands for its holder in the log and in the audit'),
  token: tokenText.optional().describe('the secret itself; better in a file'),
  file: scalar.text.optional().describe('file that holds the secret, relative to the configuration file; read again when it changes'),
  readOnly: z.boolean().default(false).describe('GET only: for scrapers and screens'),
});

export const admin = z
  .union([
    z.literal(false, { error: 'expected false or a mapping with "address"' }),
    z.strictObject({
      address: parsing(z.string(), parseListenAddress).prefault('127.0.0.1:9901'),
      tokens: z
        .array(token)
        .min(1)
        .max(64)
        .optional()
        .describe('who may use it; absent: everybody on this machine, and the address must be a loopback one'),
    }),
  ])
  .prefault({});

export type ParsedAdmin = z.output<typeof admin>;
