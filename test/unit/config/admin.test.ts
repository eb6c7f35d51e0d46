import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configHash } from '../../../src/control/config-hash.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { brief, fakeResolver, loadGood, problemsOf, workDirectory } from './support.ts';

const GOOD = `listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ respond: { status: 200 } }] }] }
`;
const SECRET = 'correct-horse-battery';
const LONG = 'x'.repeat(1025);
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const admin = (text: string) => problemsOf(`${GOOD}admin: ${text}`);

async function loadWithFile(content: string | null, text = 'admin: { tokens: [{ name: ops, file: admin-token }] }') {
  const directory = await workDirectory();
  if (content !== null) await writeFile(join(directory, 'admin-token'), content);
  await writeFile(join(directory, 'millrace.yaml'), `${GOOD}${text}`);
  return loadConfig(join(directory, 'millrace.yaml'), { resolveHost: fakeResolver, nowMs: 0 });
}

describe('the admin endpoint', () => {
  it('is on the loopback address, for everybody there', async () => {
    expect((await loadGood(GOOD)).admin).toEqual({ host: '127.0.0.1', port: 9901, tokens: [] });
    expect((await loadGood(`${GOOD}admin: false`)).admin).toBeNull();
    expect(await admin('true')).toEqual(['3:8 admin: expected false or a mapping with "address", not true']);
  });

  it.each(['0.0.0.0', '[::]', '10.0.0.7', '[::ffff:127.0.0.1]'])('on %s needs tokens', async (host) => {
    const bare = host.replace(/[[\]]/g, '');
    expect(await admin(`{ address: "${host}:9901" }`)).toEqual([
      `3:19 admin.address: whoever reaches the admin endpoint controls the proxy, and ${bare} is not a loopback address (use 127.0.0.1, or say who may with tokens: [{ name: ops, file: admin-token }])`,
    ]);
    expect(await admin(`{ address: "${host}:9901", tokens: [{ name: ops, token: ${SECRET} }] }`)).toEqual([]);
  });

  it('has no way around that', async () => {
    expect(await admin('{ address: 0.0.0.0:9901, unsafeBindAnywhere: true }')).toContainEqual(expect.stringMatching(/ admin\.unsafeBindAnywhere: unknown key "unsafeBindAnywhere" \(known here: address, tokens\)$/));
  });
});

describe('a token', () => {
  it('is kept as its digest only, from the text or from a file', async () => {
    const result = await loadWithFile(`${SECRET}\n`, `admin: { tokens: [{ name: ops, file: admin-token }, { name: prometheus, token: ${SECRET}2, readOnly: true }] }`);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.config.admin?.tokens).toEqual([
      { name: 'ops', digest: digest(SECRET), readOnly: false },
      { name: 'prometheus', digest: digest(`${SECRET}2`), readOnly: true },
    ]);
    expect(JSON.stringify(result.config)).not.toContain(SECRET);
    expect(result.watch.some((file) => file.endsWith('/admin-token'))).toBe(true);
  });

  it('makes another configuration when its file changes', async () => {
    const [one, two] = [await loadWithFile(`${SECRET}1`), await loadWithFile(`${SECRET}2`)];
    if (!one.ok || !two.ok) throw new Error('refused');
    expect(configHash(one.config)).not.toBe(configHash(two.config));
  });

  it.each([
    ['that is short', '[{ name: a, token: short }]', ['admin.tokens[0].token: a token has at least 16 characters, and this one has 5 (openssl rand -hex 32 makes a good one)']],
    ['with spaces', '[{ name: a, token: "two words of some length" }]', ['admin.tokens[0].token: a token is made of visible ASCII characters, without spaces (openssl rand -hex 32 makes a good one)']],
    ['that is long', `[{ name: a, token: ${LONG} }]`, ['admin.tokens[0].token: a token has at most 1024 characters (openssl rand -hex 32 makes a good one)']],
    ['that is a number', '[{ name: a, token: 12345678901234567890 }]', ['admin.tokens[0].token: a token is a text (write it in quotes)']],
    ['that is not there', '[{ name: a }]', ['admin.tokens[0]: it has no secret (add file: <path>, or token: <16 characters or more>)']],
    ['in two places', `[{ name: a, token: ${SECRET}, file: x }]`, ['admin.tokens[0].file: "file" and "token" exclude each other (keep one of token, file)', expect.stringMatching(/cannot read .*\/x: there is no such file/)]],
    ['without a name', `[{ token: ${SECRET} }]`, ['admin.tokens[0].name: required key "name" is missing: expected a text']],
    ['with the name of another', `[{ name: a, token: ${SECRET} }, { name: a, token: ${SECRET}x }]`, ['admin.tokens[1].name: the name "a" is already used by admin.tokens[0]']],
    ['with the secret of another', `[{ name: a, token: ${SECRET} }, { name: b, token: ${SECRET} }]`, ['admin.tokens[1].token: it is the same secret as that of admin.tokens[0] (give each its own)']],
    ['list without one', '[]', ['admin.tokens: expected at least 1 entry']],
    ['with a mistyped key', `[{ name: a, token: ${SECRET}, readonly: true }]`, ['admin.tokens[0].readonly: unknown key "readonly" (did you mean "readOnly"?)']],
  ])('%s is refused', async (_what, tokens, expected) => {
    // Without the places: other tests have those.
    expect((await admin(`{ tokens: ${tokens} }`)).map((line) => line.replace(/^3:\d+ /, ''))).toEqual(expected);
  });

  it('that is refused is not told', async () => {
    for (const token of ['hunter2', '1234567', `${LONG}`, '"a secret text with spaces"']) {
      expect((await admin(`{ tokens: [{ name: a, token: ${token} }] }`)).join()).not.toContain(token.replaceAll('"', ''));
    }
  });

  it.each([
    [null, /cannot read .*\/admin-token: there is no such file/],
    ['', /admin-token: a token is made of visible ASCII characters/],
    ['too-short\n', /admin-token: a token has at least 16 characters, and this one has 9/],
    ['first-line-of-several\nsecond', /admin-token: a token is made of visible ASCII characters, without spaces/],
    ['x'.repeat(10_000), /has 10000 bytes; at most 8192 are allowed here/],
  ])('in a file (%#) is checked like any other', async (content, expected) => {
    const result = await loadWithFile(content);
    if (result.ok) throw new Error('it was taken');
    const problems = brief(result.problems);
    expect(problems).toEqual([expect.stringMatching(expected)]);
    expect(problems[0]).toContain('admin.tokens[0].file');
  });
});
