import type { ConfigInput } from './schema.ts';

/** A configuration, or a function that makes one when it is (re)loaded. */
export type ConfigDefinition = ConfigInput | Promise<ConfigInput> | (() => ConfigInput | Promise<ConfigInput>);

/** Gives a TypeScript configuration its types: `export default defineConfig({ … })`. Returns its argument. */
export function defineConfig<T extends ConfigDefinition>(config: T): T {
  return config;
}
