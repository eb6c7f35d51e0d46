/** Every case that a client sends, by group. */
import type { ClientCase, Group } from './case.ts';
import { CHUNKED } from './client/chunked.ts';
import { CONNECTION } from './client/connection.ts';
import { EARLY } from './client/early.ts';
import { EXPECT } from './client/expect.ts';
import { FIELDS } from './client/fields.ts';
import { FRAMING } from './client/framing.ts';
import { HOST } from './client/host.ts';
import { LIMITS } from './client/limits.ts';
import { METHODS } from './client/methods.ts';
import { REUSE } from './client/reuse.ts';
import { SYNTAX } from './client/syntax.ts';
import { TARGET } from './client/target.ts';
import { VERSIONS } from './client/versions.ts';

export const CLIENT_GROUPS: readonly Group<ClientCase>[] = [FRAMING, CHUNKED, SYNTAX, FIELDS, HOST, TARGET, METHODS, VERSIONS, CONNECTION, EXPECT, LIMITS, REUSE, EARLY];
