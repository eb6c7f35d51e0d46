import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explanation } from '../../../src/control/explain/schema.ts';
import { millrace, workDirectory } from './support.ts';

const CONFIG = `admin: false
listeners: [{ name: web, address: "127.0.0.1:0", routes: t }, { name: other, address: "127.0.0.1:0", routes: t }]
routes:
  t:
    - hosts: [api.example.com]
      routes:
        - { name: acme, match: { pathPrefix: /v1, headers: { x-tenant: acme } }, cluster: a }
        - { name: posts, match: { pathPrefix: /v1, methods: [POST] }, cluster: a }
        - { name: all, match: { pathPrefix: /v1 }, rewrite: { prefix: /api }, cluster: a }
        - { name: root, cluster: a }
    - { hosts: ["*"], routes: [{ name: hi, match: { path: /hi }, respond: { status: 200, body: hello } }] }
clusters: { a: { endpoints: [{ address: 127.0.0.1:9001, weight: 3 }, 127.0.0.1:9002], healthCheck: { tcp: {} } } }
`;

function explain(...args: string[]) {
  const directory = workDirectory();
  writeFileSync(join(directory, 'my.yaml'), CONFIG);
  return millrace(['explain', ...args], directory);
}

describe('millrace explain', () => {
  it('tells who wins, near misses with their reasons, and what goes upstream', async () => {
    const { code, stdout, stderr } = await explain('my.yaml', '--host', 'api.example.com', '--path', '/v1/x?y', '-H', 'x-tenant: other');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('=> goes to a');
    expect(stdout).toMatch(/x acme +\^ \/v1 +header x-tenant must be "acme": it is "other"/);
    expect(stdout).toMatch(/x posts +\^ \/v1 +method is GET, not POST/);
    expect(stdout).toMatch(/\* all +\^ \/v1\n/);
    expect(stdout).toMatch(/- root +\^ \/ +not reached: "all" matched first/);
    expect(stdout).toContain('GET /api/x?y HTTP/1.1');
    expect(stdout).toMatch(/75 % {2}127\.0\.0\.1:9001 +weight 3/);
    expect(stdout).toContain('Nobody runs this configuration');
  });

  it('ends with 1 where no route would answer', async () => {
    const missing = await explain('my.yaml', '--url', 'http://nobody.example/none');
    expect(missing.code).toBe(1);
    expect(missing.stdout).toContain('=> 404 no route of the virtual host has this path [NR]');
    expect((await explain('my.yaml', '--url', 'http://nobody.example/hi')).code).toBe(0);
    expect((await explain('my.yaml', '--url', 'http://nobody.example/hi%2f')).code).toBe(1);
  });

  it('speaks JSON to programs, and takes a listener', async () => {
    const { code, stdout } = await explain('my.yaml', '--json', '--listener', 'other', '-X', 'POST', '--host', 'api.example.com', '--path', '/v1');
    const told = explanation.parse(JSON.parse(stdout));
    expect(code).toBe(0);
    expect(told).toMatchObject({ live: false, listener: { name: 'other' }, match: { route: 'posts' }, outcome: { kind: 'forward' } });
  });

  it('writes no control character of a request to the terminal', async () => {
    const { stdout } = await explain('my.yaml', '--host', 'api.example.com', '--path', '/v1/\u001b[31m', '-H', 'x-a: \u202eabc');
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it.each([
    [[], /name a configuration file, or a running proxy with --admin/],
    [['my.yaml', '--admin', '127.0.0.1:1'], /one of them/],
    [['--admin', '127.0.0.1:1'], /no proxy answers at http:\/\/127\.0\.0\.1:1/],
    [['my.yaml', '--header', 'none'], /"none" is no header/],
    [['my.yaml', '--listener', 'wbe'], /there is no listener "wbe" \(did you mean "web"\?\)/],
    [['my.yaml', '--client-ip', 'me'], /clientIp: expected an IPv4 or IPv6 address/],
    [['nothing.yaml'], /nothing\.yaml/],
  ])('says what is wrong with %j', async (args, message) => {
    const { code, stderr, stdout } = await explain(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/ {4}at /);
  });
});
