/** Prints `native/abi.h` from the table in `abi.ts`. Run by the build; `abiHash` is compared when the addon loads. */
import { createHash } from 'node:crypto';
import * as abi from './abi.ts';

const snake = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_').toLowerCase();
const pascal = (name: string): string => {
  const words = /[a-z]/.test(name) ? [name] : name.toLowerCase().split('_');
  return words.map((w) => w.charAt(0).toUpperCase() + w.slice(1)).join('').replace(/[^A-Za-z0-9]/g, '');
};
const constant = (name: string): string => `k${pascal(name)}`;

// A module has its exports in alphabetical order, one that was bundled or is run by vitest may have them as declared.
const table = Object.fromEntries(Object.entries(abi).sort(([a], [b]) => (a < b ? -1 : 1)));

/** First 32 bits of a SHA-256 over the whole table: equal on both sides or the addon does not load. */
export const abiHash: number = createHash('sha256').update(JSON.stringify(table)).digest().readUInt32LE(0);

function enumeration(name: string, values: Readonly<Record<string, number>>): string[] {
  return [`namespace ${name} {`, ...Object.entries(values).map(([k, v]) => `inline constexpr uint32_t ${constant(k)} = ${v}u;`), `}  // namespace ${name}`, ''];
}

function counting(names: readonly string[]): Record<string, number> {
  return { ...Object.fromEntries(names.map((name, i) => [name.replace('flag:', 'flag'), i])), count: names.length };
}

/** The text of the header. */
export function abiHeader(): string {
  const out: string[] = [
    '// Printed from src/binding/abi.ts by the build. Change that file, not this one.',
    '#ifndef MILLRACE_ABI_H_',
    '#define MILLRACE_ABI_H_',
    '',
    '#include <cstdint>',
    '',
    'namespace millrace::abi {',
    '',
    `inline constexpr uint32_t kHash = ${abiHash}u;`,
    `inline constexpr uint32_t kNone = ${abi.NONE}u;`,
    `inline constexpr uint32_t kImageMagic = ${abi.IMAGE_MAGIC}u;`,
    `inline constexpr uint32_t kImageVersion = ${abi.IMAGE_VERSION}u;`,
    `inline constexpr uint32_t kImageHeaderWords = ${abi.IMAGE_HEADER_WORDS}u;`,
    `inline constexpr uint32_t kHistogramSubBucketBits = ${abi.HISTOGRAM_SUB_BUCKET_BITS}u;`,
    `inline constexpr uint32_t kHistogramMaxBits = ${abi.HISTOGRAM_MAX_BITS}u;`,
    `inline constexpr uint32_t kMaxRequestFields = ${abi.MAX_REQUEST_FIELDS}u;`,
    `inline constexpr uint32_t kHeadLengthWords = ${abi.HEAD_LENGTH_WORDS}u;`,
    `inline constexpr uint32_t kHistogramBuckets = ${abi.HISTOGRAM_BUCKETS}u;`,
    `inline constexpr uint32_t kHistogramTickMs = ${abi.HISTOGRAM_TICK_MS}u;`,
    `inline constexpr uint32_t kHistogramWindowMs = ${abi.HISTOGRAM_WINDOW_MS}u;`,
    `inline constexpr uint32_t kDigestWindowsMs[] = {${abi.DIGEST_WINDOWS_MS.map((ms) => `${ms}u`).join(', ')}};`,
    `inline constexpr double kDigestQuantiles[] = {${abi.DIGEST_QUANTILES.join(', ')}};`,
    '',
    ...enumeration('section', counting(abi.SECTIONS)),
  ];
  for (const [name, fields] of Object.entries(abi.RECORDS)) {
    out.push(`struct ${pascal(name)}Record {`, ...fields.map((f) => `  uint32_t ${snake(f)};`), '};');
    out.push(`static_assert(sizeof(${pascal(name)}Record) == ${fields.length * 4});`, '');
  }
  out.push('struct EventRecord {', ...abi.EVENT.map((f) => `  int32_t ${snake(f)};`), '};', '');
  const enums = {
    path_kind: abi.PATH_KIND, action: abi.ACTION, rewrite: abi.REWRITE, predicate_source: abi.PREDICATE_SOURCE,
    predicate_operator: abi.PREDICATE_OPERATOR, edit_operator: abi.EDIT_OPERATOR, policy: abi.POLICY, family: abi.FAMILY,
    listener_flag: abi.LISTENER_FLAG, underscores: abi.UNDERSCORES, slashes: abi.SLASHES, hash_source_kind: abi.HASH_SOURCE_KIND, hash_source_flag: abi.HASH_SOURCE_FLAG,
    rate_algorithm: abi.RATE_ALGORITHM, rate_flag: abi.RATE_FLAG, rate_key_kind: abi.RATE_KEY_KIND, rate_key_flag: abi.RATE_KEY_FLAG,
    health: abi.HEALTH, rate_stat: counting(abi.RATE_STATS), rate_table_stat: counting(abi.RATE_TABLE_STATS),
    tls_flag: abi.TLS_FLAG, retry_on: abi.RETRY_ON, retry_flag: abi.RETRY_FLAG, tracing_flag: abi.TRACING_FLAG, cluster_flag: abi.CLUSTER_FLAG,
    outlier_flag: abi.OUTLIER_FLAG, outlier_method: abi.OUTLIER_METHOD, breaker_scope: abi.BREAKER_SCOPE, breaker_state: abi.BREAKER_STATE,
    transition_kind: abi.TRANSITION_KIND, transition_reason: counting(abi.TRANSITION_REASON), event_kind: abi.EVENT_KIND,
    event_flag: abi.EVENT_FLAG, submit: abi.SUBMIT, submit_flag: abi.SUBMIT_FLAG, send: abi.SEND, limits: abi.LIMITS,
    websocket_opcode: abi.WEBSOCKET_OPCODE, websocket_close: abi.WEBSOCKET_CLOSE,
    method: counting(abi.METHODS), response_flag: counting(abi.RESPONSE_FLAG), cluster_stat: counting(abi.CLUSTER_STATS),
    endpoint_stat: counting(abi.ENDPOINT_STATS), process_stat: counting(abi.PROCESS_STATS), route_stat: counting(abi.ROUTE_STATS), listener_stat: counting(abi.LISTENER_STATS),
    histogram_field: counting(abi.HISTOGRAM_FIELDS), cluster_histogram: counting(abi.CLUSTER_HISTOGRAMS),
    endpoint_histogram: counting(abi.ENDPOINT_HISTOGRAMS), route_histogram: counting(abi.ROUTE_HISTOGRAMS), listener_histogram: counting(abi.LISTENER_HISTOGRAMS), digest_field: counting(abi.DIGEST_FIELDS),
    downstream_error: counting(abi.DOWNSTREAM_ERROR), upstream_error: counting(abi.UPSTREAM_ERROR),
    incident_kind: abi.INCIDENT_KIND, incident_text: counting(abi.INCIDENT_TEXT),
    log_target: abi.LOG_TARGET, log_flag: abi.LOG_FLAG, log_step_flag: abi.LOG_STEP_FLAG, log_op: counting(abi.LOG_OP), log_stat: counting(abi.LOG_STATS), log_notice: abi.LOG_NOTICE,
    record_text: counting(abi.RECORD_TEXT), record_bit: abi.RECORD_BIT, attempt_bit: abi.ATTEMPT_BIT,
  };
  for (const [name, values] of Object.entries(enums)) out.push(...enumeration(name, values));
  for (const [name, list] of [['kMethodNames', abi.METHODS], ['kResponseFlagNames', abi.RESPONSE_FLAG], ['kDownstreamErrorNames', abi.DOWNSTREAM_ERROR]] as const) {
    out.push(`inline constexpr const char* ${name}[] = {${list.map((m) => `"${m}"`).join(', ')}};`);
  }
  out.push('', '}  // namespace millrace::abi', '', '#endif  // MILLRACE_ABI_H_', '');
  return out.join('\n');
}
