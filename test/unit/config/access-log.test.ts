import { describe, expect, it } from 'vitest';
import { dumpImage } from '../../../src/config/dump.ts';
import { compile } from '../../../src/config/compile.ts';
import { DEFAULT_LOG_FIELDS, LOG_FIELD_NAMES } from '../../../src/config/log-fields.ts';
import { LOG_OPERATORS, parseTemplate } from '../../../src/config/log-template.ts';
import { brief, loadGood, loadText, problemsOf, withRoutes } from './support.ts';

const ROUTES = withRoutes(['{ name: items, cluster: a }', '{ match: { pathPrefix: /x }, cluster: a }'], '{ a: { endpoints: [127.0.0.1:1] } }');
const warningsOf = async (text: string) => brief((await loadText(text)).warnings);
const withLog = (log: string) => `accessLog: ${log}\n${ROUTES}`;

describe('accessLog', () => {
  it('is a sink or a list of them, and has its defaults', async () => {
    expect((await loadGood(ROUTES)).accessLog).toEqual([]);
    expect((await loadGood(withLog('[]'))).accessLog).toEqual([]);
    const sink = { target: 'stdout', path: 'stdout', format: { kind: 'json', fields: DEFAULT_LOG_FIELDS }, sample: 1, sampleFailed: false, statuses: [], minDurationMs: 0, routes: [], requestHeaders: [] };
    expect((await loadGood(withLog('{ path: stdout }'))).accessLog).toEqual([{ ...sink, sampleFailed: true }]);
    expect((await loadGood(withLog('[{ path: stderr }, { path: stdout, sampleFailed: false }]'))).accessLog.map(({ path }) => path)).toEqual(['stderr', 'stdout']);
  });

  it('has every key as it was written, in the image too', async () => {
    const config = await loadGood(
      withLog('{ path: /var/log/a.log, format: { fields: [time, requestHeaders] }, sample: 0.25, sampleFailed: false, statuses: [0, 404, "500-599"], minDuration: 1s, routes: [items], requestHeaders: [X-Tenant, x-tenant] }'),
    );
    expect(config.accessLog).toEqual([
      {
        target: 'file',
        path: '/var/log/a.log',
        format: { kind: 'json', fields: ['time', 'requestHeaders'] },
        sample: 0.25,
        sampleFailed: false,
        statuses: [{ from: 0, to: 0 }, { from: 404, to: 404 }, { from: 500, to: 599 }],
        minDurationMs: 1000,
        routes: ['items'],
        requestHeaders: ['x-tenant'],
      },
    ]);
    expect(dumpImage(compile(config).image)).toMatchObject({
      accessLog: [
        { target: 'file', path: '/var/log/a.log', format: { fields: ['time', 'requestHeaders'] }, sample: 0.25, sampleFailed: false, statuses: ['0-0', '404-404', '500-599'], minDurationMs: 1000, routes: ['items'], requestHeaders: ['x-tenant'] },
      ],
    });
  });

  it('takes a path relative to the file, and the headers of a template', async () => {
    const [sink] = (await loadGood(withLog('{ path: logs/a.log, format: { text: "%REQ(X-A?x-b)% %REQ(user-agent)%\\n" } }'))).accessLog;
    expect(sink?.path).toMatch(/^\/.*\/logs\/a\.log$/);
    expect(sink?.requestHeaders).toEqual(['x-a', 'x-b']);
    expect(sink?.format).toEqual({ kind: 'text', template: '%REQ(X-A?x-b)% %REQ(user-agent)%' });
  });

  it.each([
    ['{ path: "" }', 'accessLog.path', 'not empty'],
    ['{ path: logs/ }', 'accessLog.path', 'is a directory (name a file in it)'],
    ['{ path: a, format: jsn }', 'accessLog.format', 'expected json, common, combined, envoy'],
    ['{ path: a, format: {} }', 'accessLog.format', 'expected text or fields'],
    ['{ path: a, format: { text: a, fields: [time] } }', 'accessLog.format.fields', 'exclude each other'],
    ['{ path: a, sample: 2 }', 'accessLog.sample', ''],
    ['{ path: a, statuses: [4xx] }', 'accessLog.statuses[0]', 'write 404, or "500-599"; 0 = not answered'],
    ['{ path: a, statuses: ["500-400"] }', 'accessLog.statuses[0]', 'the lower one first'],
    ['{ path: a, statuses: [600] }', 'accessLog.statuses[0]', 'is not within 0 to 599'],
    ['{ path: a, routes: [item] }', 'accessLog.routes[0]', 'there is no route "item" (did you mean "items"?)'],
    ['{ path: a, format: { fields: [tme] } }', 'accessLog.format.fields[0]', 'did you mean "time"?'],
    ['{ path: a, format: { fields: [time, requestHeaders] } }', 'accessLog.format.fields', 'needs "requestHeaders" beside "format"'],
    ['{ path: a, format: { text: "%STAUS%" } }', 'accessLog.format.text', 'did you mean "STATUS"?'],
    ['[{ path: a }, { path: ./a }]', 'accessLog[1].path', 'is already the path of accessLog[0]'],
    [`[${Array.from({ length: 9 }, (_, i) => `{ path: f${i} }`).join(', ')}]`, 'accessLog', ''],
  ])('refuses %s', async (log, path, message) => {
    const problems = await problemsOf(withLog(log));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(path);
    expect(problems[0]).toContain(message);
  });

  it('names routes without a name of their own', async () => {
    const config = await loadGood(withLog('[{ path: a, routes: [t/0/1] }, { path: b }]'));
    const dump = JSON.stringify(dumpImage(compile(config).image));
    expect(dump).toContain('"routes":["t/0/1"]');
  });

  it('warns about what is hardly meant', async () => {
    expect(await warningsOf(withLog('{ path: a, format: common, requestHeaders: [x-a] }'))).toEqual([expect.stringContaining('write %REQ(name)% into the template')]);
    expect(await warningsOf(withLog('{ path: a, requestHeaders: [cookie] }'))).toEqual([expect.stringContaining('will hold credentials: cookie')]);
    expect(await warningsOf(withLog('{ path: a, sample: 0, sampleFailed: false }'))).toEqual([expect.stringContaining('takes no request at all')]);
    expect(await warningsOf(withLog('{ path: a, sample: 0 }'))).toEqual([]);
  });
});

describe('a template', () => {
  const ops = (template: string) => {
    const steps = parseTemplate(template);
    return 'refused' in steps ? steps : steps.map(({ op, text, flags, maxLength }) => [op, ...(text === null ? [] : [text]), ...(flags === 0 ? [] : [`flags ${flags}`]), ...(maxLength === 0 ? [] : [maxLength])].join(' '));
  };

  it('is literals and operators, in any case', () => {
    expect(ops('a %METHOD%%target%:%%\t"%STATUS%"\n')).toEqual(['literal a ', 'method', 'target', 'literal :%\t"', 'status', 'literal "']);
    expect(ops('%START_TIME(%d/%b/%Y)% %START_TIME%x%START_TIME_LOCAL(%H:%M:%S.%3f %z)%')).toEqual(['timeUtc %d/%b/%Y', 'literal  ', 'time', 'literal x', 'timeLocal %H:%M:%S.%3f %z']);
    expect(ops('%REQ(:PATH):10%|%REQ(X-A?:AUTHORITY)%|%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%')).toEqual(['target 10', 'literal |', 'header x-a flags 1', 'host', 'literal |', 'target']);
    expect(ops('%DURATION%%RESPONSE_CODE_DETAILS%%RESP(X-Envoy-Upstream-Service-Time)%')).toEqual(['durationMs flags 2', 'detail flags 4', 'upstreamMs flags 2']);
  });

  it('has an operator for every field', () => {
    for (const field of LOG_FIELD_NAMES.filter((name) => name !== 'requestHeaders'))
      expect(ops(`%${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}%`)).toEqual([field]);
    for (const operator of LOG_OPERATORS.filter((name) => !name.includes('('))) expect(Array.isArray(ops(`%${operator}%`))).toBe(true);
  });

  it.each([
    ['%STAUS%', 'there is no operator %STAUS%', 'did you mean "STATUS"?'],
    ['100%', 'begins no operator', '%% for a percent sign'],
    ['a % b', 'character 3', '%NAME%'],
    ['%METHOD(x)%', 'takes no argument', 'write %METHOD%'],
    ['%RESP(x-a)%', 'headers of answers are not kept', 'X-ENVOY-UPSTREAM-SERVICE-TIME'],
    ['%REQ(a b)%', 'names no request header', ':METHOD'],
    ['%REQ%', 'names no request header', ':METHOD'],
    ['%REQ(a?b?c)%', 'more than one alternative', ''],
    ['%START_TIME(%Q)%', 'needs a pattern', '%START_TIME('],
    ['a\nb', 'one line', ''],
    ['a\u0007b', 'no control characters', ''],
    ['\n', 'empty', ''],
  ])('refuses %j', (template, refused, hint) => {
    const result = parseTemplate(template);
    expect(result).toMatchObject({ refused: expect.stringContaining(refused) as string });
    if (hint !== '') expect(result).toMatchObject({ hint: expect.stringContaining(hint) as string });
  });
});
