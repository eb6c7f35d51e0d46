/** The command line of the race. */
import { parseArgs } from 'node:util';
import { allContenders } from './contenders/index.mjs';
import { scenarios } from './scenarios/index.mjs';

export const HELP = `Usage: npm run bench:race -- [options]

Races Millrace against nginx, HAProxy, H2O, Caddy, Envoy and Traefik where they are on the PATH, and against @fastify/http-proxy and
http-proxy-3. Everybody forwards from the same core to the same origin, in turns. About half an hour with all peers of Debian.

  --quick               a pass over everything in about three minutes: says whether it works, not who wins
  --list                the scenarios and contenders, and why a contender is not here
  --scenarios A,B       only these (a prefix such as "tls" takes all that begin with it)
  --contenders A,B      only these
  --pairs N             rounds, in each of which everybody runs once (10)
  --slow-rounds N       of them for those that are several times slower: Go and Node (3)
  --seconds S           of a run; some scenarios take two or three times as long (1)
  --warmup S            of each run, not counted (0.2)
  --no-latency          without the open loops at 50 and 80 % of capacity
  --no-counts           without counting system calls (strace) and instructions (perf)
  --label TEXT          in the name of the result file
  --out FILE            the result (bench/results/race-<date>[-label].json)
  --resume FILE         goes on with a result that was broken off: its options, what it lacks
  --keep                keeps the filled-in configurations, and says where
  --contender-core N, --load-core N, --origin-core N     (0, 1, 1)
  --help`;

const number = (name, text, least) => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < least) throw new Error(`--${name}: ${text} is not a number from ${least}`);
  return value;
};

const whole = (name, text, least) => {
  const value = number(name, text, least);
  if (!Number.isInteger(value)) throw new Error(`--${name}: ${text} is not a whole number`);
  return value;
};

/** Those of `all` (by `key`) that `wanted`, a list with commas, names; all without one. */
function chosen(option, wanted, all, key, matches) {
  if (wanted === undefined) return all;
  const names = wanted.split(',').map((name) => name.trim()).filter(Boolean);
  for (const name of names) {
    if (!all.some((one) => matches(one[key], name))) throw new Error(`--${option}: there is no ${JSON.stringify(name)}; there are ${all.map((one) => one[key]).join(', ')}`);
  }
  return all.filter((one) => names.some((name) => matches(one[key], name)));
}

export async function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      help: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      'no-latency': { type: 'boolean', default: false },
      'no-counts': { type: 'boolean', default: false },
      scenarios: { type: 'string' },
      contenders: { type: 'string' },
      pairs: { type: 'string' },
      'slow-rounds': { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      label: { type: 'string', default: '' },
      out: { type: 'string' },
      resume: { type: 'string' },
      'contender-core': { type: 'string', default: '0' },
      'load-core': { type: 'string', default: '1' },
      'origin-core': { type: 'string', default: '1' },
    },
  });
  if (!/^[\w.-]*$/.test(values.label)) throw new Error('--label: letters, digits, ".", "-" and "_"');
  const { quick } = values;
  const pairs = whole('pairs', values.pairs ?? (quick ? '1' : '10'), 1);
  return {
    ...values,
    chosenScenarios: chosen('scenarios', values.scenarios, scenarios, 'id', (id, name) => id === name || id.startsWith(`${name}-`)),
    chosenContenders: chosen('contenders', values.contenders, await allContenders(), 'name', (one, name) => one === name).map(({ name }) => name),
    // Written into the result, and taken from there again with --resume.
    run: {
      quick,
      pairs,
      slowRounds: Math.min(pairs, whole('slow-rounds', values['slow-rounds'] ?? (quick ? '1' : '3'), 1)),
      seconds: number('seconds', values.seconds ?? (quick ? '0.3' : '1'), 0.05),
      warmup: number('warmup', values.warmup ?? (quick ? '0.1' : '0.2'), 0),
      settle: quick ? 0.2 : 0.5,
      latency: !values['no-latency'],
      counts: !values['no-counts'] && (!quick || values.scenarios !== undefined),
      cores: { contender: values['contender-core'], load: values['load-core'], origin: values['origin-core'] },
    },
  };
}
