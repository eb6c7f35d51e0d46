/** The alerts of examples/prometheus-rules.yaml, run by Prometheus' own test program: each one fires, and only when it should. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporaryDirectory } from '../support/millrace.ts';
import { hasPrometheus } from '../support/prometheus.ts';

const RULES = resolve(import.meta.dirname, '../../examples/prometheus-rules.yaml');

interface Case {
  /** One value a minute, from the start; in the words of promtool: "0+60x30" grows by 60 each. */
  series: Record<string, string>;
  /** When the alert fires, and the labels that tell for what. */
  at: string;
  labels: Record<string, string>;
  /** When it does not yet. */
  quiet: string;
}

const cluster = { cluster: 'items' };
const requests = (status_class: string): string => `millrace_requests_total{cluster="items", status_class="${status_class}"}`;
const CASES: Record<string, Case> = {
  MillraceErrors: { series: { [requests('2xx')]: '0+1000x60', [requests('5xx')]: '0+1x20 20+100x40' }, at: '40m', labels: cluster, quiet: '19m' },
  MillraceSlow: {
    series: {
      [requests('2xx')]: '0+600x60',
      'millrace_request_duration_seconds_bucket{cluster="items", le="0.5"}': '0+600x20 12000+500x40',
      'millrace_request_duration_seconds_bucket{cluster="items", le="2.5"}': '0+600x60',
      'millrace_request_duration_seconds_bucket{cluster="items", le="+Inf"}': '0+600x60',
    },
    at: '45m', labels: cluster, quiet: '19m',
  },
  MillraceQueueing: {
    series: {
      'millrace_upstream_pending_overflow_total{cluster="items"}': '0+0x20 0+5x40',
      'millrace_upstream_queue_overflow_total{cluster="items"}': '0+0x60',
      'millrace_upstream_queue_timeouts_total{cluster="items"}': '0+0x60',
    },
    at: '30m', labels: cluster, quiet: '19m',
  },
  MillraceClusterDown: {
    series: {
      'millrace_endpoint_available{instance="a", cluster="items", endpoint="1"}': '0+0x60',
      'millrace_endpoint_available{instance="a", cluster="items", endpoint="2"}': '1+0x20 0+0x40',
    },
    at: '25m', labels: { instance: 'a', ...cluster }, quiet: '19m',
  },
  MillraceEndpointsEjected: { series: { 'millrace_cluster_ejected_endpoints{cluster="items"}': '1+0x3 0+0x20 2+0x40' }, at: '40m', labels: cluster, quiet: '22m' },
  MillraceCircuitBreakerOpen: { series: { 'millrace_cluster_circuit_breaker_state{cluster="items"}': '0+0x5 2+0x10 1+0x40' }, at: '20m', labels: cluster, quiet: '15m' },
  MillraceReloadFailed: { series: { 'millrace_config_last_reload_success{instance="a"}': '1+0x10 0+0x40' }, at: '20m', labels: { instance: 'a' }, quiet: '10m' },
  // Time begins at 0: fifteen days are left then.
  MillraceCertificateExpires: { series: { 'millrace_certificate_not_after_timestamp_seconds{listener="web", hosts="a.test"}': '1296000+0x3000' }, at: '2d', labels: { listener: 'web', hosts: 'a.test' }, quiet: '12h' },
  MillraceWorkerDied: { series: { 'millrace_worker_restarts_total{instance="a"}': '0+0x20 1+0x40' }, at: '25m', labels: { instance: 'a' }, quiet: '19m' },
  MillraceLinesDropped: { series: { 'millrace_log_incidents_dropped_total{instance="a"}': '0+0x20 0+3x40' }, at: '30m', labels: { instance: 'a' }, quiet: '19m' },
  MillraceAccessLogFailing: { series: { 'millrace_access_log_failing{instance="a", sink="/var/log/a"}': '0+0x20 1+0x40' }, at: '25m', labels: { instance: 'a', sink: '/var/log/a' }, quiet: '19m' },
  MillraceAccessLogIncomplete: { series: { 'millrace_access_log_records_dropped_total{instance="a"}': '0+0x20 0+3x40' }, at: '30m', labels: { instance: 'a' }, quiet: '19m' },
  MillraceSpansDropped: { series: { 'millrace_tracing_spans_dropped_total{instance="a", reason="export"}': '0+0x20 0+3x40' }, at: '40m', labels: { instance: 'a', reason: 'export' }, quiet: '19m' },
};

interface Rule {
  alert?: string;
  labels?: Record<string, string>;
}
const alerts = (parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);

describe.skipIf(!hasPrometheus())('the example alerts', () => {
  it('are rules that Prometheus takes, and each has a case here', () => {
    execFileSync('promtool', ['check', 'rules', RULES], { stdio: 'pipe' });
    expect(alerts.map(({ alert }) => alert).sort()).toEqual(Object.keys(CASES).sort());
  });

  it.each(Object.entries(CASES))('%s fires when it should, and not before', (alert, { series, at, labels, quiet }) => {
    const file = join(temporaryDirectory(), 'test.yml'); // JSON is YAML
    const severity = alerts.find((rule) => rule.alert === alert)?.labels ?? {};
    writeFileSync(file, JSON.stringify({
      rule_files: [RULES],
      evaluation_interval: '1m',
      tests: [{
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [{ eval_time: quiet, alertname: alert, exp_alerts: [] }],
        promql_expr_test: [{ expr: `count(ALERTS{alertname="${alert}", alertstate="firing"})`, eval_time: at, exp_samples: [{ labels: '{}', value: 1 }] }, {
          expr: `ALERTS{alertname="${alert}", alertstate="firing"}`, eval_time: at,
          exp_samples: [{ labels: `ALERTS${JSON.stringify({ alertname: alert, alertstate: 'firing', ...severity, ...labels }).replace(/"(\w+)":/g, '$1=')}`, value: 1 }],
        }],
      }],
    }));
    try {
      execFileSync('promtool', ['test', 'rules', file], { stdio: 'pipe' });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
      throw new Error(`${stdout.toString()}${stderr.toString()}`);
    }
  });
});
