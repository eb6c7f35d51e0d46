/** The proxies of npm: programs of their own in configs/, run by the Node that runs the race. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RACE, ROOT } from './common.mjs';

function nodePeer(name, title, packageName) {
  const config = `configs/${name}.mjs`;
  return {
    name,
    title,
    kind: 'node',
    slow: true,
    config,
    features: '',
    detect() {
      try {
        return { version: JSON.parse(readFileSync(join(ROOT, 'node_modules', packageName, 'package.json'), 'utf8')).version };
      } catch {
        return { why: `${packageName} is not installed (npm ci)` };
      }
    },
    launch: ({ port, endpoints, tls }) => ({
      command: process.execPath,
      args: [join(RACE, config), JSON.stringify({ port, endpoints, tls })],
      env: { NODE_ENV: 'production' },
    }),
    lacks: {
      everything: 'it has none of these features by itself',
      reload: 'it has no reload; a restart would cut every connection',
    },
  };
}

export const fastifyHttpProxy = nodePeer('fastify-http-proxy', '@fastify/http-proxy', '@fastify/http-proxy');
export const httpProxy3 = nodePeer('http-proxy-3', 'http-proxy-3', 'http-proxy-3');
