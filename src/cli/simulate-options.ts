/** Flags of `millrace simulate`. Apart from the command itself, so that `--help` loads nothing else. */
import type { Command } from 'commander';
import type { ScenarioFlags } from '../simulate/flags.ts';

export interface SimulateOptions extends ScenarioFlags {
  scenario?: string;
  list?: boolean;
  print?: boolean;
  schema?: boolean;
  config?: string;
  cluster?: string;
  threads?: string;
  json?: boolean;
  report?: string;
  svg?: string;
}

const EXAMPLES = `
What it does: the balancers, breakers, outlier detectors and rate counters of the proxy itself run on virtual time against endpoints that
only exist as numbers: how long they take, how many requests each works on at once, how many may wait. A load is a share of what all of
them can do together. Every policy meets the same requests. What it leaves out: the cost of the proxy itself, connections, and everything
about your endpoints that you did not say.

Examples:
  $ millrace simulate                                             a tenth of the endpoints is slow
  $ millrace simulate --list                                      the scenarios that come with it
  $ millrace simulate --scenario failing --report failing.html    one of them, with plots
  $ millrace simulate --endpoints 100 --slow 10 --proxies 4 --policies roundRobin,leastRequest,peakEwma --load 0.5..1.2
  $ millrace simulate --config millrace.yaml --cluster items --service 20ms
                                                                  a cluster as it is, beside other policies
  $ millrace simulate --scenario overload --print > mine.yaml     a file to start from
  $ millrace simulate mine.yaml --seed 7 --json`;

export function simulateOptions(command: Command): Command {
  return command
    .description('say which balancer policy suits, before production does: tail latency, imbalance and overload by policy, on virtual time')
    .argument('[file]', 'scenario (YAML or JSON); else --scenario, --config or the flags below')
    .option('--scenario <name>', 'one that comes with Millrace (default: slow-endpoint)')
    .option('--list', 'name those, and end')
    .option('--print', 'print the scenario as YAML, and end')
    .option('--schema', 'print the JSON Schema of scenarios, for editors, and end')
    .option('--config <file>', 'take number and weights of the endpoints, balancer, breaker and outlier detection from a configuration')
    .option('--cluster <name>', 'of that configuration')
    .optionsGroup('Endpoints (instead of those of the scenario):')
    .option('--endpoints <n>', 'how many (default: 100)')
    .option('--slow <n>', 'so many of them are slow')
    .option('--slow-factor <x>', 'how much slower (default: 10)')
    .option('--failing <n>', 'so many of them answer 500 at once')
    .option('--service <time>', 'mean service time, exponential (default: 10ms)')
    .option('--concurrency <n>', 'requests that each works on at once (default: 4)')
    .optionsGroup('What comes, and who deals with it (go before the scenario):')
    .option('--policies <list>', 'such as roundRobin,leastRequest,peakEwma')
    .option('--load <range>', 'shares of the capacity: 0.8, 0.5,0.8 or 0.5..1.2:0.1')
    .option('--rate <n>', 'requests per second, instead of --load')
    .option('--focus <load>', 'the load of which everything is shown (default: nearest to 0.8)')
    .option('--proxies <n>', 'proxies that share the load and do not see each other\'s')
    .option('--requests <n>', 'of each policy at each load, such as 50k or 1M')
    .option('--duration <time>', 'virtual time of each, instead of --requests')
    .option('--arrivals <kind>', 'poisson or uniform')
    .option('--network <time>', 'between proxy and endpoint, each way')
    .option('--timeout <time>', 'of a request')
    .option('--retries <n>', 'after failed connections, resets and 5xx')
    .option('--seed <n>', 'the same seed gives the same result')
    .optionsGroup('Output:')
    .option('--json', 'print everything as JSON')
    .option('--report <file>', 'write a page with tables and plots (HTML, self-contained)')
    .option('--svg <file>', 'write the plots as one picture')
    .option('--threads <n>', 'default: one per core; changes nothing but the time it takes')
    .addHelpText('after', EXAMPLES);
}
