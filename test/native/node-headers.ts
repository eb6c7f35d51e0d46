/** Where the headers of this Node are: they bring the <openssl/...> that the engine is compiled with. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** The directory that node-gyp used when it built the addon, which may be one that it downloaded. */
function fromBuild(root: string): string[] {
  const file = join(root, 'build/config.gypi');
  if (!existsSync(file)) return [];
  return [...readFileSync(file, 'utf8').matchAll(/"nodedir":\s*"([^"]+)"/g)].map((match) => match[1] ?? '');
}

/** The include directory, or undefined: the suites that need it then fail to compile and say so. */
export function nodeHeaders(root: string): string | undefined {
  const version = process.versions.node;
  const configured = [process.env['npm_config_nodedir'], process.env['npm_package_config_node_gyp_nodedir']];
  const bases = [
    ...configured.filter((path) => path !== undefined),
    ...fromBuild(root),
    dirname(dirname(process.execPath)),
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'node-gyp', version),
    '/usr',
    '/usr/local',
  ];
  return bases.map((base) => join(base, 'include/node')).find((path) => existsSync(join(path, 'openssl/ssl.h')));
}
