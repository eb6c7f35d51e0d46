#!/usr/bin/env node
/** The command line. The only module that ends the process. */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../core/version.ts';
import type { TopOptions } from './top.ts';
import type { ExplainOptions } from './explain.ts';
import { simulateOptions, type SimulateOptions } from './simulate-options.ts';
import { errorLines, ignoreClosedPipes, printError, printLine } from './output.ts';

const EXAMPLES = `
Examples:
  $ millrace quickstart                     an example with its upstreams, to look around
  $ millrace check millrace.yaml            every problem of a configuration, with its line
  $ millrace run millrace.yaml              run it; reloads when the file changes or on SIGHUP
  $ millrace top                            what the proxy on this machine does, live
  $ millrace explain millrace.yaml --host api.example.com --path /v1/items
                                            what would happen to this request, and why
  $ millrace simulate --slow 10             which policy copes best when 10 of 100 endpoints are slow
  $ millrace config dump millrace.yaml      the tables that the engine will read
  $ millrace config schema > schema.json    JSON Schema for editors

Signals of \`run\`: SIGTERM and SIGINT drain and exit 0, a second one stops at once; SIGHUP reloads, SIGUSR1 opens the files of the access log again.`;

/** Commands load what they need when they run: `--help` needs neither the addon nor the schema. */
function program(finish: (code: number) => void): Command {
  const root = new Command('millrace')
    .description('HTTP proxy for the edge and for the sidecar of a service mesh')
    .version(VERSION, '-V, --version')
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError('(millrace --help shows the commands)')
    .addHelpText('after', EXAMPLES)
    .exitOverride();

  root
    .command('run')
    .description('run the proxy with a configuration (YAML, JSON or TypeScript)')
    .argument('<file>', 'configuration file')
    .action(async (file: string) => finish(await (await import('./run.ts')).run({ file })));
  root
    .command('check')
    .description('validate a configuration exactly as run would; exit code 1 when it has problems')
    .argument('<file>', 'configuration file')
    .option('--json', 'print problems and warnings as JSON')
    .action(async (file: string, options: { json?: boolean }) => finish(await (await import('./check.ts')).check(file, options)));
  root
    .command('quickstart')
    .description('run examples/quickstart.yaml together with the small upstreams that it names')
    .action(async () => finish(await (await import('./quickstart.ts')).quickstart()));
  root
    .command('top')
    .description('show what a running proxy does: rates, latencies, clusters and endpoints with their health')
    .option('--admin <url>', 'its admin endpoint', 'http://127.0.0.1:9901')
    .option('--token-file <file>', 'file with a token of admin.tokens')
    .option('--interval <duration>', 'time between two looks', '1s')
    .option('--view <name>', 'what is shown first: clusters, endpoints, routes or listeners')
    .option('--once', 'look once and end')
    .option('--json', 'print JSON, one line for each look')
    .action(async (options: TopOptions) => finish(await (await import('./top.ts')).top(options)));
  root
    .command('explain')
    .description('say what would happen to a request, and why; nothing is sent. Exit code 0 when a route would answer it, else 1')
    .argument('[config]', 'configuration file; or --admin')
    .option('-X, --method <method>', 'method', 'GET')
    .option('--host <host>', 'host that is asked, with its port if you like')
    .option('--path <path>', 'path and query, as they are sent')
    .option('--url <url>', 'http(s)://host/path?query, instead of host and path')
    .option('-H, --header <line>', 'a header, "name: value"; may be repeated', (line: string, before: string[]) => [...before, line], [])
    .option('--client-ip <address>', 'peer of the connection (default: 127.0.0.1)')
    .option('--listener <listener>', 'name, host:port or :port (default: the first one)')
    .option('--admin <url>', 'ask a running proxy at its admin address, with its live state, instead of a file')
    .option('--token-file <file>', 'file with the bearer token of that admin endpoint')
    .option('--json', 'print everything as JSON')
    .action(async (file: string | undefined, options: ExplainOptions) => finish(await (await import('./explain.ts')).explain(file, options)));
  simulateOptions(root.command('simulate'))
    .action(async (file: string | undefined, options: SimulateOptions) => finish(await (await import('./simulate.ts')).simulateCommand(file, options)));
  const config = root.command('config').description('look at configurations').helpCommand(false);
  config
    .command('dump')
    .description('print the compiled tables of a configuration as JSON, private keys left out')
    .argument('<file>', 'configuration file')
    .action(async (file: string) => finish(await (await import('./config.ts')).configDump(file)));
  config
    .command('schema')
    .description('print the JSON Schema of a configuration')
    .action(async () => finish((await import('./config.ts')).configSchema()));
  root
    .command('version')
    .description('print the version of Millrace and of Node')
    .action(() => {
      printLine(`millrace ${VERSION} (Node ${process.version.slice(1)}, ${process.platform} ${process.arch})`);
      finish(0);
    });
  return root;
}

async function main(argv: string[]): Promise<number> {
  let exitCode = 0;
  try {
    await program((code) => {
      exitCode = code;
    }).parseAsync(argv);
    return exitCode;
  } catch (error) {
    // commander has printed its message already; --help and --version come this way too, with code 0.
    if (error instanceof CommanderError) return error.exitCode;
    for (const line of errorLines(error)) printError(line);
    return 1;
  }
}

/** Output to a pipe is asynchronous: the end waits until it is written. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}

ignoreClosedPipes();
const exitCode = await main(process.argv);
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(exitCode);
