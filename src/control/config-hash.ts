import { createHash } from 'node:crypto';
import type { Config } from '../config/types.ts';

/**
 * Hash of everything a configuration says, contents of the files it names included. Equal hash = a reload has nothing
 * to do. (The image's own hash leaves out what the engine does not see: addresses, certificates, log level.)
 */
export function configHash(config: Config): string {
  return createHash('sha256').update(JSON.stringify(config, plainBytes)).digest('hex').slice(0, 32);
}

function plainBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
