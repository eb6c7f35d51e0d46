import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { makeCertificate, type Certificate } from '../support/certificates.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

let directory: string;
let origin: Origin;
let proxy: Millrace;
let certificates: Record<'first' | 'shop' | 'wild', Certificate>;

const config = (...pairs: { cert: string; key: string; hosts?: string[] }[]) =>
  proxyTo([origin.address], { listeners: [{ name: 'secure', address: '127.0.0.1:0', routes: 'main', tls: { certificates: pairs } }] });
const pair = ({ certFile, keyFile }: Certificate) => ({ cert: certFile, key: keyFile });

/** Common name of the certificate that is shown for a server name. */
function shown(port: number, servername: string | undefined, options = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...(servername === undefined ? {} : { servername }), ...options }, () => {
      const { subject } = socket.getPeerCertificate() as DetailedPeerCertificate;
      socket.destroy();
      resolve(String(subject.CN));
    });
    socket.on('error', reject);
  });
}

beforeAll(async () => {
  directory = temporaryDirectory();
  origin = await Origin.start();
  certificates = {
    first: makeCertificate(directory, 'first', { names: ['first.test'] }),
    shop: makeCertificate(directory, 'shop', { names: ['shop.test', 'store.test'] }),
    wild: makeCertificate(directory, 'wild', { names: ['*.wild.test'] }),
  };
  proxy = await Millrace.start(config(pair(certificates.first), pair(certificates.shop), { ...pair(certificates.wild) }));
});

describe('server name', () => {
  it.each([
    ['first.test', 'first'],
    ['shop.test', 'shop'],
    ['store.test', 'shop'],
    ['a.wild.test', 'wild'],
    ['unknown.test', 'first'],
    [undefined, 'first'],
  ])('%s is shown the certificate %s', async (name, wanted) => {
    expect(await shown(proxy.port('secure'), name)).toBe(wanted);
  });

  it.each(['first.test', 'shop.test', 'a.wild.test', 'unknown.test'])('%s is served', async (servername) => {
    const answer = await request(proxy.port('secure'), '/', { tls: { servername } });
    expect(answer.status).toBe(200);
    expect(origin.last.header('x-forwarded-proto')).toBe('https');
  });
});

it.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
  expect(await shown(proxy.port('secure'), 'shop.test', { minVersion: version, maxVersion: version })).toBe('shop');
});

it('a plain request on a TLS listener is not answered', async () => {
  const client = await RawClient.connect({ port: proxy.port('secure') });
  client.send(requestBytes('/'));
  await client.end();
  expect(client.received.includes('200 OK')).toBe(false);
});

describe('rotation', () => {
  it('shows new certificates to new connections, without one failure, and leaves open ones alone', async () => {
    const own = temporaryDirectory();
    const old = makeCertificate(own, 'site', { names: ['site.test'] });
    const rotating = await Millrace.start({ ...config(pair(old)), workers: 2 }, { directory: own });
    const port = rotating.port('secure');
    const lasting = await RawClient.connect({ port, tls: { servername: 'site.test' } });
    let failures = 0;
    let handshakes = 0;
    let going = true;
    const fingerprints = new Set<string>();
    const crowd = Array.from({ length: 4 }, async () => {
      while (going) {
        try {
          const client = await RawClient.connect({ port, tls: { servername: 'site.test' } });
          fingerprints.add((client.socket as unknown as { getPeerCertificate(): DetailedPeerCertificate }).getPeerCertificate().fingerprint256);
          client.send(requestBytes('/'));
          if ((await client.response()).status !== 200) failures++;
          await client.close();
          handshakes++;
        } catch {
          failures++;
        }
      }
    });
    await eventually(() => fingerprints.size === 1);
    for (const wanted of [2, 3]) {
      const next = makeCertificate(temporaryDirectory(), 'site', { names: ['site.test'] });
      // As certificate tools do it: one file after the other.
      writeFileSync(old.certFile, next.cert);
      writeFileSync(old.keyFile, next.key);
      await eventually(() => fingerprints.size === wanted);
    }
    lasting.send(requestBytes('/'));
    expect((await lasting.response()).status).toBe(200);
    going = false;
    await Promise.all(crowd);
    expect(failures).toBe(0);
    expect(handshakes).toBeGreaterThan(10);
  });

  it('to a pair that does not match is refused with a clear log, and the old one stays', async () => {
    const own = temporaryDirectory();
    const old = makeCertificate(own, 'site', { names: ['site.test'] });
    const other = makeCertificate(temporaryDirectory(), 'other', { names: ['site.test'] });
    const kept = await Millrace.start(config(pair(old)), { directory: own });
    writeFileSync(old.keyFile, other.key);
    await kept.logged('configuration refused, the last good one goes on');
    const reasons = kept.log.filter(({ level }) => level === 'error').map(({ msg }) => msg).join('\n');
    expect(reasons).toContain(old.keyFile);
    expect(reasons).toContain('is not the key of the certificate');
    expect(await shown(kept.port('secure'), 'site.test')).toBe('site');
    expect(await kept.metric('millrace_config_last_reload_success')).toBe(0);
  });

  it('to something that is no certificate is refused, and taken back when it is one again', async () => {
    const own = temporaryDirectory();
    const old = makeCertificate(own, 'site', { names: ['site.test'] });
    const kept = await Millrace.start(config(pair(old)), { directory: own });
    writeFileSync(old.certFile, 'no certificate\n');
    await kept.logged('configuration refused, the last good one goes on');
    expect(await shown(kept.port('secure'), 'site.test')).toBe('site');
    writeFileSync(old.certFile, old.cert);
    await eventually(async () => (await kept.metric('millrace_config_last_reload_success')) === 1);
  });
});

it('a bad pair at the start is one line and exit code 1', async () => {
  const own = temporaryDirectory();
  const good = makeCertificate(own, 'site');
  writeFileSync(join(own, 'site.key'), certificates.shop.key);
  const failing = Millrace.launch(config(pair(good)), { directory: own });
  expect(await failing.exited).toEqual({ code: 1, signal: null });
  expect(failing.stderr).toContain(good.keyFile);
  expect(failing.stderr).not.toMatch(/^\s+at /m);
});

it('large answers come whole over TLS', async () => {
  const text = 'x'.repeat(3_000_000);
  origin.answer = (_message, connection) => connection.send(ok(text));
  const answer = await request(proxy.port('secure'), '/', { tls: { servername: 'shop.test' } });
  expect(answer.text === text).toBe(true);
});
