import { request as httpRequest, type IncomingMessage } from 'node:http';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB, drink, hashOf, pump } from '../support/bulk.ts';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { HttpOrigin } from '../support/http-origin.ts';
import { Millrace, proxyTo, temporaryDirectory, withDefaults, type ConfigInput } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const saying = (body: string): Partial<ConfigInput> => ({ routes: { main: [{ hosts: ['*'], routes: [{ respond: { status: 200, body } }] }] } });
const text = (config: Partial<ConfigInput>): string => JSON.stringify(withDefaults(config));
const ask = async (proxy: Millrace): Promise<string> => (await request(proxy.port(), '/')).text;

describe('a changed configuration takes effect', () => {
  it('when the file is written in place', async () => {
    const proxy = await Millrace.start(saying('one'));
    writeFileSync(proxy.file, text(saying('two')));
    await eventually(async () => (await ask(proxy)) === 'two');
  });

  it('when another file is renamed over it', async () => {
    const proxy = await Millrace.start(saying('one'));
    proxy.write(saying('two'));
    await eventually(async () => (await ask(proxy)) === 'two');
  });

  it('when the directory that a symlink names is swapped', async () => {
    const directory = temporaryDirectory();
    for (const name of ['one', 'two']) {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'millrace.yaml'), text(saying(name)));
    }
    symlinkSync('one', join(directory, 'current'));
    const proxy = await Millrace.start({}, { directory: temporaryDirectory(), file: join(directory, 'current', 'millrace.yaml') });
    expect(await ask(proxy)).toBe('one');
    symlinkSync('two', join(directory, 'next'));
    renameSync(join(directory, 'next'), join(directory, 'current'));
    await eventually(async () => (await ask(proxy)) === 'two');
  });

  it('on SIGHUP, on connections that are open already', async () => {
    const proxy = await Millrace.start(saying('one'));
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(requestBytes('/'));
    expect((await client.response()).text).toBe('one');
    await proxy.reload(saying('two'));
    client.send(requestBytes('/'));
    expect((await client.response()).text).toBe('two');
    expect(await proxy.metric('millrace_config_reloads_total', { result: 'ok' })).toBe(1);
  });

  it('in every worker', async () => {
    const proxy = await Millrace.start({ ...saying('one'), workers: 2 });
    await proxy.reload({ ...saying('two'), workers: 2 });
    for (let i = 0; i < 20; i++) expect(await ask(proxy)).toBe('two');
  });
});

describe('a bad configuration', () => {
  it.each([
    ['with an unknown key', (): string => text({ ...saying('two'), lissteners: [] } as Partial<ConfigInput>), /lissteners.*listeners/],
    ['that is no YAML', (): string => 'listeners: [', /millrace\.yaml:1/],
    ['that names a cluster which is not there', (): string => text({ routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'nowhere' }] }] } }), /nowhere/],
  ])('%s is refused with its place in the log, and the last good one goes on', async (_name, bad, said) => {
    const proxy = await Millrace.start(saying('one'));
    proxy.write(bad());
    await proxy.logged('configuration refused, the last good one goes on');
    expect(proxy.log.some(({ level, msg }) => level === 'error' && said.test(msg))).toBe(true);
    expect(await ask(proxy)).toBe('one');
    expect(await proxy.metric('millrace_config_last_reload_success')).toBe(0);
    expect(await proxy.metric('millrace_config_reloads_total', { result: 'failed' })).toBe(1);
    proxy.write(saying('three'));
    await eventually(async () => (await ask(proxy)) === 'three');
    // Requests see the new routes a moment before the reload is over.
    await eventually(async () => (await proxy.metric('millrace_config_last_reload_success')) === 1);
  });

  it('that is removed altogether changes nothing', async () => {
    const proxy = await Millrace.start(saying('one'));
    rmSync(proxy.file);
    await proxy.logged('configuration refused, the last good one goes on');
    expect(await ask(proxy)).toBe('one');
  });

  it('whose new listener cannot be opened is refused as a whole', async () => {
    const taken = await Origin.start();
    const proxy = await Millrace.start(saying('one'));
    proxy.write({ ...saying('two'), listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main' }, { name: 'more', address: taken.address, routes: 'main' }] });
    await proxy.logged('configuration refused, the last good one goes on');
    expect(proxy.log.some(({ msg }) => msg.includes('already in use'))).toBe(true);
    expect(await ask(proxy)).toBe('one');
  });
});

describe('listeners', () => {
  it('come and go with the configuration', async () => {
    const proxy = await Millrace.start(saying('one'));
    const web = { name: 'web', address: '127.0.0.1:0', routes: 'main' };
    await proxy.reload({ ...saying('two'), listeners: [web, { ...web, name: 'more' }] });
    const port = proxy.port('more');
    expect((await request(port, '/')).text).toBe('two');
    expect(await ask(proxy)).toBe('two');
    await proxy.reload({ ...saying('three'), listeners: [web] });
    await expect(RawClient.connect({ port })).rejects.toThrow();
    expect(await ask(proxy)).toBe('three');
  });

  it('that go leave their open connections a last answer', async () => {
    const proxy = await Millrace.start({ ...saying('one'), listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main' }, { name: 'more', address: '127.0.0.1:0', routes: 'main' }] });
    const client = await RawClient.connect({ port: proxy.port('more') });
    client.send(requestBytes('/'));
    expect((await client.response()).text).toBe('one');
    await proxy.reload(saying('two'));
    client.send(requestBytes('/'));
    expect((await client.response()).status).toBe(503);
    await client.end();
  });
});

it('a long download goes on through reloads', async () => {
  const total = 60 * MIB;
  const origin = await HttpOrigin.start((_request, response) => {
    response.writeHead(200, { 'content-length': total });
    void pump(response, total).then(() => response.end());
  });
  const other = await Origin.start();
  const proxy = await Millrace.start(proxyTo([origin.address]));
  const answer = await new Promise<IncomingMessage>((resolve) => httpRequest({ port: proxy.port(), host: '127.0.0.1', agent: false }, resolve).end());
  // Its route and its cluster are unchanged the first time, and gone the second time.
  await proxy.reload({ ...proxyTo([origin.address]), drainTimeout: '6s' });
  await proxy.reload(proxyTo([other.address]));
  expect((await request(proxy.port(), '/')).text).toBe('ok');
  expect(await drink(answer)).toEqual({ bytes: total, hash: hashOf(total) });
});

it('a file that is touched, or changed back, reloads nothing', async () => {
  const proxy = await Millrace.start(saying('one'));
  proxy.write(saying('one'));
  proxy.child.kill('SIGHUP');
  await proxy.logged('configuration unchanged');
  expect(await proxy.metric('millrace_config_version')).toBe(1);
});
