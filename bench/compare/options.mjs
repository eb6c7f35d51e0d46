/** The command line of the comparison. */
import { parseArgs } from 'node:util';
import { KEPT_TREES } from './revision.mjs';
import { SCENARIOS } from './scenarios.mjs';

export const HELP = `Usage: npm run bench:compare -- REV [options]
       npm run bench:compare -- --tree DIR [options]

Builds the revision REV beside the working tree and runs both in turns, under the load generator of the working tree:
CPU per request, throughput, instructions and memory, each as a ratio with its 95 % interval. For people, not for gates:
it always ends with code 0 when it could measure.

  --tree DIR        another checkout instead of a revision (it is built if it needs to be)
  --scenario NAME   ${Object.entries(SCENARIOS).map(([name, { title }]) => `${name}: ${title}`).join('\n                    ')}
  --pairs N         rounds, each with a fresh process of both (10; fewer than 6 cannot decide anything)
  --seconds S       of each measured run (2)
  --warmup S        before it, not counted (1)
  --connections N   (those of the scenario)
  --json FILE       every round and the ratios
  --help

Built revisions are kept in build/compare, the last ${KEPT_TREES} of them.
`;

export class UsageError extends Error {}

const MOST = { pairs: 1000, seconds: 600, warmup: 60, connections: 10_000 };

function number(values, name, least, whole) {
  const value = Number(values[name]);
  if (!Number.isFinite(value) || value < least || value > MOST[name]) throw new UsageError(`--${name} ${values[name]}: expected a number from ${least} to ${MOST[name]}`);
  if (whole && !Number.isInteger(value)) throw new UsageError(`--${name} ${values[name]}: expected a whole number`);
  return value;
}

/** @param {string[]} argv */
export function parseOptions(argv) {
  let parsed;
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        tree: { type: 'string' },
        scenario: { type: 'string', default: 'plain' },
        pairs: { type: 'string', default: '10' },
        seconds: { type: 'string', default: '2' },
        warmup: { type: 'string', default: '1' },
        connections: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { values, positionals } = parsed;
  if (values.help) return { help: true };
  const [revision, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`one revision is wanted, not ${positionals.length}`);
  if ((revision === undefined) === (values.tree === undefined)) throw new UsageError('a revision or --tree DIR is wanted, and not both');
  if (!Object.hasOwn(SCENARIOS, values.scenario)) throw new UsageError(`--scenario ${values.scenario}: there are ${Object.keys(SCENARIOS).join(', ')}`);
  return {
    help: false,
    revision,
    tree: values.tree,
    scenario: values.scenario,
    pairs: number(values, 'pairs', 1, true),
    seconds: number(values, 'seconds', 0.1, false),
    warmup: number(values, 'warmup', 0, false),
    connections: values.connections === undefined ? undefined : number(values, 'connections', 1, true),
    json: values.json,
  };
}
