import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { brief, fakeResolver, loadGood, loadText, problemsOf, workDirectory } from './support.ts';

const tls = (certificates: string) =>
  `listeners: [{ name: web, address: 127.0.0.1:0, routes: t, tls: { certificates: ${certificates} } }]\nroutes: { t: [{ hosts: ["*"], routes: [{ respond: { status: 200 } }] }] }\n`;

describe('certificates', () => {
  it('bring their names, a fingerprint of both files and their end', async () => {
    const config = await loadGood(tls('[{ cert: shop.pem, key: shop.key }, { cert: other.pem, key: other.key }]'));
    const [shop, other] = config.listeners[0]?.tls?.certificates ?? [];
    expect(shop).toMatchObject({
      hosts: ['shop.example.com', '*.shop.example.com'],
      certFile: expect.stringMatching(/^\/.*\/shop\.pem$/) as string,
    });
    expect(shop?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(shop?.notAfterMs).toBeGreaterThan(Date.parse('2100-01-01'));
    expect(other?.hosts).toEqual(['other.example.com']); // no subjectAltName: the common name
  });

  it('are refused with the reason', async () => {
    expect(await problemsOf(tls('[{ cert: shop.pem, key: other.key }]'))).toEqual([
      "1:104 listeners[0].tls.certificates[0].key: other.key is not the key of the certificate shop.pem (the first certificate of the file must be the server's own)",
    ]);
    expect(await problemsOf(tls('[{ cert: shop.key, key: shop.pem }]'))).toEqual([
      '1:89 listeners[0].tls.certificates[0].cert: shop.key holds no PEM certificate (this file is a private key)',
      expect.stringMatching(/^1:104 .*shop\.pem is not a valid PEM private key: .* \(this file is a certificate\)$/),
    ]);
    expect(await problemsOf(tls('[{ cert: shop.pem, key: encrypted.key }]'))).toEqual([
      expect.stringContaining('encrypted.key is encrypted with a pass phrase'),
    ]);
    expect(await problemsOf(tls('[{ cert: none.pem, key: . }]'))).toEqual([
      expect.stringMatching(/cannot read .*none\.pem: there is no such file/),
      expect.stringMatching(/it is a directory/),
    ]);
    expect(await problemsOf(tls('[{ cert: shop.pem }]'))).toEqual([
      expect.stringContaining('required key "key" is missing'),
    ]);
  });

  it('are warned of when they have expired or are not valid yet, since the others must go on', async () => {
    const expired = await loadText(
      tls('[{ cert: shop.pem, key: shop.key }]'),
      'millrace.yaml',
      Date.parse('2300-01-01'),
    );
    expect([expired.ok, brief(expired.warnings)]).toEqual([
      true,
      [expect.stringMatching(/^1:89 .*shop\.pem expired on /)],
    ]);
    const early = await loadText(tls('[{ cert: shop.pem, key: shop.key }]'), 'millrace.yaml', Date.parse('2000-01-01'));
    expect([early.ok, brief(early.warnings)]).toEqual([
      true,
      [expect.stringMatching(/^1:89 .*shop\.pem is not valid before /)],
    ]);
  });

  it('of one listener serve different hosts', async () => {
    expect(
      await problemsOf(
        tls(
          '[{ cert: shop.pem, key: shop.key }, { cert: other.pem, key: other.key, hosts: [o.test, SHOP.example.com] }]',
        ),
      ),
    ).toEqual([
      '1:158 listeners[0].tls.certificates[1].hosts: the host "shop.example.com" already has certificates[0] (set hosts to keep them apart)',
    ]);
    expect(await problemsOf(tls('[{ cert: shop.pem, key: shop.key, hosts: ["*"] }]'))).toEqual([
      '1:122 listeners[0].tls.certificates[0].hosts[0]: "*" is no server name: the first certificate serves every other name',
    ]);
  });

  it('and every other file are watched, also when they are missing', async () => {
    const result = await loadText(
      tls('[{ cert: shop.pem, key: none.key }]').replace('status: 200', 'status: 200, bodyFile: other.pem'),
    );
    expect(result.watch.map((file) => file.slice(result.directory.length + 1))).toEqual([
      'millrace.yaml',
      'shop.pem',
      'none.key',
      'other.pem',
    ]);
  });

  it('that hold no certificate between their marks are refused', async () => {
    const directory = await workDirectory();
    await mkdir(join(directory, 'd'));
    await writeFile(join(directory, 'd/bad.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    await writeFile(join(directory, 'd/m.yaml'), tls('[{ cert: bad.pem, key: ../shop.key }]'));
    const result = await loadConfig(join(directory, 'd/m.yaml'), { resolveHost: fakeResolver });
    expect(result.ok ? [] : brief(result.problems)).toEqual([
      expect.stringMatching(/^1:89 .*bad\.pem is not a valid certificate: /),
    ]);
  });
});
