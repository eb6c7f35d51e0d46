/** `node --import ./bench/micro/register.mjs file.ts` runs TypeScript on Node 20 too, as ES modules and without a build. */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
