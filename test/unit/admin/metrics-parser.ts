/** A strict reader of the Prometheus text format 0.0.4 and of OpenMetrics 1.0: throws where a scraper would stumble. */
export interface Family {
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const SUFFIXES: Record<string, string[]> = { counter: ['', '_total'], gauge: [''], histogram: ['_bucket', '_sum', '_count'] };

export function parseMetrics(text: string, format: 'prometheus' | 'openmetrics'): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const lines = text.slice(0, -1).split('\n');
  if ((lines.at(-1) === '# EOF') !== (format === 'openmetrics')) throw new Error('# EOF ends OpenMetrics, and only that');
  if (format === 'openmetrics') lines.pop();
  const families = new Map<string, Family>();
  let current: [string, Family] | undefined;
  for (const line of lines) {
    const head = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (head !== null) {
      const [, kind, name = '', rest = ''] = head;
      if (kind === 'HELP') {
        if (families.has(name)) throw new Error(`${name} comes twice`);
        current = [name, { type: '', help: rest, samples: [] }];
        families.set(...current);
      } else {
        if (current?.[0] !== name || current[1].type !== '') throw new Error(`TYPE of ${name} is out of place`);
        current[1].type = rest;
      }
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null || current === undefined) throw new Error(`not a sample: ${line}`);
    const [, name = '', labelText = '', value = ''] = sample;
    const [family, { type, samples }] = current;
    const allowed = format === 'openmetrics' && type === 'counter' ? ['_total'] : SUFFIXES[type];
    if (!allowed?.some((suffix) => name === family + suffix)) throw new Error(`${name} does not belong to the ${type} ${family}`);
    if (!/^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/.test(value)) throw new Error(`not a number: ${line}`);
    const labels = parseLabels(labelText);
    if (samples.some((other) => other.name === name && JSON.stringify(other.labels) === JSON.stringify(labels))) throw new Error(`twice: ${line}`);
    samples.push({ name, labels, value: Number(value.replace('Inf', 'Infinity')) });
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`not labels: ${text}`);
    labels[match[1] ?? ''] = (match[2] ?? '').replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
  }
  return labels;
}

function checkHistogram(name: string, { samples }: Family): void {
  const groups = groupBy(samples);
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number((labels.le ?? '').replace('Inf', 'Infinity')));
    if (bounds.some((bound, i) => i > 0 && bound <= (bounds[i - 1] ?? 0))) throw new Error(`${name}: bounds do not rise`);
    if (buckets.some(({ value }, i) => i > 0 && value < (buckets[i - 1]?.value ?? 0))) throw new Error(`${name}: counts fall`);
    if (bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== group.find((sample) => sample.name === `${name}_count`)?.value) throw new Error(`${name}: +Inf is not the count`);
  }
}

const keyOf = ({ labels }: Family['samples'][number]): string => JSON.stringify({ ...labels, le: undefined });

function groupBy(samples: Family['samples']): Map<string, Family['samples']> {
  const groups = new Map<string, Family['samples']>();
  for (const sample of samples) groups.set(keyOf(sample), [...(groups.get(keyOf(sample)) ?? []), sample]);
  return groups;
}
