import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DemoUpstream } from './demo-upstream.ts';
import { loadOrRefuse } from './loading.ts';
import { printLine } from './output.ts';
import { run, type Addresses } from './run.ts';

const FILE = fileURLToPath(new URL('../../examples/quickstart.yaml', import.meta.url));

/** Runs the example configuration against demo upstreams on the addresses that it names, in this process. */
export async function quickstart(): Promise<number> {
  const shownFile = relative(process.cwd(), FILE);
  const config = await loadOrRefuse(shownFile);
  const endpoints = Object.values(config.clusters).flatMap((cluster) => cluster.endpoints);
  const upstreams: DemoUpstream[] = [];
  for (const { address, port } of endpoints) upstreams.push(await DemoUpstream.open(`demo-${upstreams.length + 1}`, address, port));
  const code = await run({
    file: shownFile,
    onServing: (addresses) => announce(addresses, shownFile, endpoints.map(({ name }) => name)),
  });
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  return code;
}

function announce({ listeners, admin }: Addresses, file: string, upstreams: readonly string[]): void {
  const url = listeners[0]?.url ?? '';
  const lines = [
    '',
    `Millrace runs ${file}`,
    '',
    ...listeners.map((listener) => `  ${listener.url}   listener ${listener.name}`),
    ...(admin === null ? [] : [`  ${admin}   admin: open it in a browser`]),
    `  upstreams started for this: ${upstreams.join(', ')}`,
    '',
    'Try:',
    '',
    `  curl -i ${url}/api/items`,
    `  curl -i ${url}/hello`,
    ...(admin === null ? [] : [`  curl -s '${admin}/requests/recent?limit=1'`, `  npx millrace explain --admin ${admin} --path /api/items`, `  npx millrace top --admin ${admin}`]),
    '',
    `Edit ${file} while it runs; Ctrl-C stops it.`,
    '',
  ];
  for (const line of lines) printLine(line);
}
