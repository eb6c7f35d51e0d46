/** The native test programs: sources relative to the repository, each compiled once per sanitizer. */
export interface Suite {
  name: string;
  sanitizer: 'address,undefined' | 'thread';
  sources: readonly string[];
}

const IMAGE = ['image', 'image_check', 'check_action', 'check_rate', 'check_balancer', 'check_routing', 'check_upstream', 'check_failover', 'check_log', 'text_rules'].map((name) => `native/engine/image/${name}.cc`);
const ROUTE = ['matcher', 'predicate', 'cidr'].map((name) => `native/engine/route/${name}.cc`);
const BUILDER = ['test/native/image_builder.cc', 'test/native/sample_image.cc'];
const RESPONSE = ['test/native/response_driver.cc', 'native/engine/http/response_parser.cc'];
const WEBSOCKET = ['frame_reader', 'frame_writer', 'handshake', 'sha1', 'upgrade', 'utf8'].map((name) => `native/engine/websocket/${name}.cc`);
const HEADS = [
  ...WEBSOCKET,
  ...BUILDER,
  ...IMAGE,
  ...ROUTE,
  'native/engine/route/path_normalizer.cc',
  'native/engine/trace/trace_context.cc',
  ...['request_head', 'request_error', 'request_rules', 'upstream_head', 'deadline_field', 'downstream_head', 'response_parser'].map((name) => `native/engine/http/${name}.cc`),
  'test/native/head_fixture.cc',
];
const RATE = ['rate_table', 'sliding_log'].map((name) => `native/engine/rate/${name}.cc`);
const GATE = [
  ...BUILDER,
  ...IMAGE,
  'native/engine/route/cidr.cc',
  ...['cookie', 'downstream_head', 'upstream_head', 'deadline_field', 'request_head', 'request_error', 'request_rules', 'response_parser'].map((name) => `native/engine/http/${name}.cc`),
  ...['gate', 'gate_headers'].map((name) => `native/engine/rate/${name}.cc`),
  ...RATE,
  'test/native/gate_fixture.cc',
];
const BALANCER = ['hash_ring', 'maglev', 'plan', 'plan_groups', 'plan_pick'].map((name) => `native/engine/balancer/${name}.cc`);
const EXPLAIN = ['explain_request', 'explain_route', 'explain_limits', 'explain_cluster', 'explain_pick', 'match_trace', 'pick_shares'].map((name) => `native/engine/explain/${name}.cc`);
const LOG = [...['access_log', 'log_writer', 'log_plan', 'log_file', 'log_line', 'log_text', 'log_time'].map((name) => `native/engine/log/${name}.cc`), 'native/engine/record/request_record.cc'];
const LOG_ALL = [...LOG, ...BUILDER, ...IMAGE, ...ROUTE];
const ENGINE = [
  ...LOG,
  ...BALANCER,
  ...HEADS,
  ...['reactor', 'reactor_request', 'reactor_attempt', 'reactor_body', 'reactor_response', 'reactor_failure', 'reactor_retry', 'reactor_replay', 'reactor_breaker', 'reactor_fallback', 'reactor_hedge', 'reactor_observe', 'reactor_finish', 'reactor_balance', 'reactor_limits', 'reactor_timers', 'reactor_deadline', 'reactor_caps', 'reactor_refusal', 'reactor_methods', 'reactor_websocket', 'reactor_idle', 'reactor_record', 'reactor_trace', 'reactor_fault', 'reactor_log', 'request_hash'].map((name) => `native/engine/reactor/${name}.cc`),
  ...['upstream/connection', 'upstream/pool', 'upstream/failure_text', 'state/engine', 'state/engine_read', 'state/planner', 'state/rate_state', 'state/route_state', 'histogram/windows', 'http/load_report', 'http/retry_after', 'http/client_address', 'http/cookie', 'rate/gate', 'rate/gate_headers', 'rate/rate_table', 'rate/sliding_log'].map((name) => `native/engine/${name}.cc`),
  ...['failover/breaker', 'state/engine_breaker', 'state/engine_failover', 'state/engine_outlier', 'failover/detector', 'failover/ejection', 'failover/outlier', 'failover/sweep'].map((name) => `native/engine/${name}.cc`),
  ...['recent_ring', 'request_query'].map((name) => `native/engine/record/${name}.cc`),
  ...['reactor_rig', 'origin', 'tls_stub'].map((name) => `test/native/${name}.cc`),
];

const SIMULATE = [
  ...BALANCER,
  ...RATE,
  ...['proxy', 'proxy_control', 'scenario', 'servers', 'simulation', 'simulation_attempt', 'tally'].map((name) => `native/engine/simulate/${name}.cc`),
  ...['breaker', 'detector', 'ejection', 'outlier', 'sweep'].map((name) => `native/engine/failover/${name}.cc`),
  'native/engine/histogram/windows.cc',
];

const test = (name: string, ...sources: string[]): Suite => ({ name, sanitizer: 'address,undefined', sources: [`test/native/${name}_test.cc`, ...sources] });

const FUZZ = ['driver', 'seeds', 'fault'].map((name) => `test/native/fuzz_${name}.cc`);
const fuzz = (name: string, ...sources: string[]): Suite => ({
  name: `fuzz_${name}`,
  sanitizer: 'address,undefined',
  sources: [`test/native/fuzz_${name}.cc`, ...FUZZ, 'test/native/naive_http.cc', ...sources],
});

export const SUITES: readonly Suite[] = [
  test('base'),
  test('block_store'),
  test('image', ...BUILDER, ...IMAGE, ...ROUTE),
  test('image_faults', ...BUILDER, ...IMAGE),
  test('matcher', ...BUILDER, ...IMAGE, ...ROUTE),
  test('path_normalizer', 'native/engine/route/path_normalizer.cc'),
  test('cidr', 'native/engine/route/cidr.cc'),
  test('stride'),
  test('balancer_plan', ...BALANCER),
  test('balancer_policy', ...BALANCER),
  test('balancer_hash', ...BALANCER),
  { ...test('balancer_race', ...BALANCER), sanitizer: 'thread' },
  test('siphash'),
  test('cookie', 'native/engine/http/cookie.cc'),
  test('histogram', 'native/engine/histogram/windows.cc'),
  test('route_state', ...BUILDER, ...IMAGE, ...ROUTE, 'native/engine/state/route_state.cc', 'native/engine/histogram/windows.cc'),
  test('timer_wheel'),
  test('chars'),
  test('response_parser', ...RESPONSE),
  test('response_framing', ...RESPONSE),
  fuzz('response', ...RESPONSE),
  fuzz('chunked', 'native/engine/http/response_parser.cc'),
  fuzz('path', 'native/engine/route/path_normalizer.cc'),
  fuzz('image', ...HEADS),
  fuzz('notes', ...['response_parser', 'load_report', 'retry_after'].map((name) => `native/engine/http/${name}.cc`)),
  test('request_head', ...HEADS),
  test('client_address', ...HEADS, 'native/engine/http/client_address.cc'),
  test('upstream_head', ...HEADS),
  test('trace_context', ...HEADS),
  fuzz('trace', ...HEADS),
  test('downstream_head', ...HEADS),
  fuzz('heads', ...HEADS),
  fuzz('client', ...ROUTE, ...['client_address', 'cookie'].map((name) => `native/engine/http/${name}.cc`)),
  test('websocket_frame', ...WEBSOCKET, 'test/native/websocket_driver.cc'),
  test('websocket_write', ...WEBSOCKET, 'test/native/websocket_driver.cc'),
  test('websocket_utf8', ...WEBSOCKET, 'test/native/websocket_driver.cc'),
  test('websocket_handshake', ...WEBSOCKET),
  fuzz('websocket', ...WEBSOCKET, 'test/native/websocket_driver.cc'),
  test('reactor_answer', ...ENGINE),
  test('reactor_image', ...ENGINE),
  test('reactor_request', ...ENGINE),
  test('reactor_listener', ...ENGINE),
  test('reactor_failure', ...ENGINE),
  test('reactor_timeout', ...ENGINE),
  test('reactor_caps', ...ENGINE),
  test('reactor_incident', ...ENGINE),
  test('reactor_deadline', ...ENGINE),
  test('reactor_trace', ...ENGINE),
  test('reactor_fault', ...ENGINE),
  test('reactor_retry', ...ENGINE),
  test('reactor_replay', ...ENGINE),
  test('reactor_retry_bounds', ...ENGINE),
  test('retry_budget'),
  { ...test('retry_budget_race'), sanitizer: 'thread' },
  test('reactor_websocket', ...ENGINE),
  test('reactor_abort', ...ENGINE),
  test('reactor_pool', ...ENGINE),
  test('json_writer'),
  test('explain_shares', ...BALANCER, 'native/engine/explain/pick_shares.cc'),
  test('explain_match', ...BUILDER, ...IMAGE, ...ROUTE, 'native/engine/explain/match_trace.cc'),
  test('explain', ...ENGINE, ...EXPLAIN),
  test('reactor_breaker', ...ENGINE),
  test('reactor_endpoint_breaker', ...ENGINE),
  test('reactor_fallback', ...ENGINE),
  test('reactor_idle', ...ENGINE),
  test('gate', ...GATE),
  { ...test('gate_race', ...GATE), sanitizer: 'thread' },
  test('rate_protocol'),
  test('rate_log'),
  { ...test('rate_race', ...RATE), sanitizer: 'thread' },
  test('breaker', 'native/engine/failover/breaker.cc'),
  test('breaker_protocol', 'native/engine/failover/breaker.cc'),
  { ...test('breaker_race', 'native/engine/failover/breaker.cc'), sanitizer: 'thread' },
  test('incident_ring', 'native/engine/route/cidr.cc'),
  { ...test('incident_race', 'native/engine/route/cidr.cc'), sanitizer: 'thread' },
  test('record_ring', 'native/engine/record/request_record.cc', 'native/engine/record/recent_ring.cc', 'native/engine/record/request_query.cc'),
  { ...test('record_race', 'native/engine/record/request_record.cc', 'native/engine/record/recent_ring.cc'), sanitizer: 'thread' },
  test('reactor_record', ...ENGINE),
  test('reactor_record_end', ...ENGINE),
  test('log_line', ...LOG_ALL),
  test('log_file', ...LOG_ALL),
  test('log_writer', ...LOG_ALL),
  { ...test('log_race', ...LOG_ALL), sanitizer: 'thread' },
  test('reactor_log', ...ENGINE),
  test('reactor_hold', ...ENGINE),
  test('reactor_balance', ...ENGINE),
  test('reactor_hedge', ...ENGINE),
  test('reactor_chaos', ...ENGINE),
  test('reactor_health', ...ENGINE),
  test('reactor_outlier', ...ENGINE),
  { ...test('outlier_race', ...ENGINE), sanitizer: 'thread' },
  test('outlier', ...['ejection', 'outlier', 'sweep'].map((name) => `native/engine/failover/${name}.cc`), 'native/engine/histogram/windows.cc'),
  ...['queue', 'policy', 'failover', 'scenario'].map((name) => test(`simulate_${name}`, ...SIMULATE)),
  test('upstream_notes', 'native/engine/http/load_report.cc', 'native/engine/http/retry_after.cc', 'native/engine/http/response_parser.cc'),
  test('bench_load', ...['common/body_reader', 'generator/response_reader', 'generator/request_composer'].map((name) => `bench/load/${name}.cc`)),
  { ...test('race', ...BUILDER, ...IMAGE, ...ROUTE, 'native/engine/state/route_state.cc', 'native/engine/histogram/windows.cc'), sanitizer: 'thread' },
];

/** Prints the hashes of its input: compared with those of the configuration compiler. */
export const HASH_FILTER: Suite = { name: 'hash_filter', sanitizer: 'address,undefined', sources: ['test/native/hash_filter.cc'] };
/** Loads the image on its standard input and prints `ok` or why it was refused. */
export const IMAGE_FILTER: Suite = { name: 'image_filter', sanitizer: 'address,undefined', sources: ['test/native/image_filter.cc', ...IMAGE] };
