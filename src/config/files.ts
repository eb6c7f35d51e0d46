import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LIMITS } from '../binding/abi.ts';
import { errorMessage } from '../core/errors.ts';
import { list, mapping, type Report } from './raw.ts';
import { tokenFault } from './schema-admin.ts';
import type { Path } from './source.ts';
import type { CertificateConfig } from './types.ts';

/** Bodies are part of the image, and are sent from memory. */
const MAX_BODY_BYTES = LIMITS.maxRespondBodyBytes;
const MAX_PEM_BYTES = 1024 * 1024;
const MAX_TOKEN_FILE_BYTES = 8 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

type Pair = Omit<CertificateConfig, 'hosts'> & { names: string[] };

/** The files that a configuration names, each read once per load, or taken over from an earlier one. */
export class ConfigFiles {
  readonly #directory: string;
  readonly #report: Report;
  readonly #warn: Report;
  readonly #nowMs: number;
  readonly #reads = new Map<string, Promise<Buffer | string>>();
  readonly #pairs = new Map<string, Pair>();
  readonly #contents = new Map<string, Buffer>();
  /** The certificates of PEM files that were found to be good, by absolute path. */
  readonly #chains = new Map<string, X509Certificate[]>();
  /** Of the same directory. Its files are taken as they were then. */
  #known: ConfigFiles | undefined;

  constructor(directory: string, report: Report, warn: Report, nowMs: number, known?: ConfigFiles) {
    this.#directory = directory;
    this.#report = report;
    this.#warn = warn;
    this.#nowMs = nowMs;
    this.#known = known;
  }

  /** Absolute paths of everything that was read or should have been. */
  get watch(): string[] {
    return [...this.#reads.keys()];
  }

  /** Paths are relative to the configuration file. */
  absolute(path: string): string {
    return resolve(this.#directory, path);
  }

  certificate(cert: string, key: string): Pair | undefined {
    return this.#pairs.get(`${cert}\0${key}`);
  }

  /** The secret in a file. */
  token(file: string): string | undefined {
    return this.content(file)?.toString('utf8').trim();
  }

  private readOf(absolute: string): Promise<Buffer | string> | undefined {
    return this.#reads.get(absolute);
  }

  private chainOf(absolute: string): X509Certificate[] | undefined {
    return this.#chains.get(absolute);
  }

  content(file: string): Buffer | undefined {
    return this.#contents.get(resolve(this.#directory, file));
  }

  /** Reads everything that the raw tree names; whatever has the wrong shape is left to the schema. */
  async load(root: unknown): Promise<void> {
    const config = mapping(root);
    await this.#loadTokens(list(mapping(config['admin'])['tokens']));
    for (const [index, listener] of list(config['listeners']).entries()) {
      await this.#loadServerCertificates(
        ['listeners', index, 'tls', 'certificates'],
        list(mapping(mapping(listener)['tls'])['certificates']),
      );
    }
    for (const [name, cluster] of Object.entries(mapping(config['clusters']))) {
      const { ca, cert, key } = mapping(mapping(cluster)['tls']);
      const path = ['clusters', name, 'tls'];
      if (typeof ca === 'string')
        this.#certificates([...path, 'ca'], ca, await this.#read([...path, 'ca'], ca, MAX_PEM_BYTES));
      await this.#loadPair(path, cert, key);
      await this.#loadBody(['clusters', name, 'fallback', 'respond'], mapping(mapping(cluster)['fallback'])['respond']);
    }
    for (const [table, hosts] of Object.entries(mapping(config['routes']))) {
      for (const [index, host] of list(hosts).entries()) {
        for (const [i, route] of list(mapping(host)['routes']).entries()) {
          await this.#loadBody(['routes', table, index, 'routes', i, 'respond'], mapping(route)['respond']);
        }
      }
    }
    this.#known = undefined; // else each would keep all that came before it
  }

  /** Secrets of the admin endpoint: the same one twice would make it a matter of order who is named in the audit. */
  async #loadTokens(entries: readonly unknown[]): Promise<void> {
    const holders = new Map<string, number>();
    for (const [index, entry] of entries.entries()) {
      const { token, file } = mapping(entry);
      const path = ['admin', 'tokens', index, typeof file === 'string' ? 'file' : 'token'];
      let secret = token;
      if (typeof file === 'string') {
        secret = (await this.#read(path, file, MAX_TOKEN_FILE_BYTES))?.toString('utf8').trim();
        const fault = typeof secret === 'string' ? tokenFault(secret) : undefined;
        if (fault !== undefined) this.#report(path, `${file}: ${fault}`, 'openssl rand -hex 32 makes a good one');
      }
      if (typeof secret !== 'string') continue;
      const earlier = holders.get(secret);
      if (earlier === undefined) holders.set(secret, index);
      else this.#report(path, `it is the same secret as that of admin.tokens[${earlier}]`, 'give each its own');
    }
  }

  async #loadBody(path: Path, respond: unknown): Promise<void> {
    const { bodyFile } = mapping(respond);
    if (typeof bodyFile === 'string') await this.#read([...path, 'bodyFile'], bodyFile, MAX_BODY_BYTES);
  }

  /** The certificates of one listener: each host has one of them, and only the first may do without hosts. */
  async #loadServerCertificates(path: Path, entries: readonly unknown[]): Promise<void> {
    const served = new Map<string, number>();
    for (const [index, entry] of entries.entries()) {
      const { cert, key, hosts } = mapping(entry);
      await this.#loadPair([...path, index], cert, key);
      const names = Array.isArray(hosts)
        ? hosts.map((host) => String(host).toLowerCase())
        : this.#pairs.get(`${String(cert)}\0${String(key)}`)?.names;
      const at = [...path, index, Array.isArray(hosts) ? 'hosts' : 'cert'];
      if (index > 0 && names?.length === 0)
        this.#report(at, 'the certificate names no host, and would never be used', 'add hosts: […]');
      for (const name of new Set(names)) {
        const earlier = served.get(name);
        if (earlier === undefined) served.set(name, index);
        else
          this.#report(
            at,
            `the host ${JSON.stringify(name)} already has certificates[${earlier}]`,
            'set hosts to keep them apart',
          );
      }
    }
  }

  async #read(path: Path, file: string, maxBytes: number): Promise<Buffer | undefined> {
    const absolute = resolve(this.#directory, file);
    let reading = this.#reads.get(absolute);
    if (reading === undefined) {
      reading = this.#known?.readOf(absolute) ?? readFile(absolute).catch((error: unknown) => reasonOf(error));
      this.#reads.set(absolute, reading);
    }
    const content = await reading;
    if (typeof content === 'string') {
      this.#report(path, `cannot read ${absolute}: ${content}`);
      return undefined;
    }
    if (content.length > maxBytes) {
      this.#report(path, `${absolute} has ${content.length} bytes; at most ${maxBytes} are allowed here`);
      return undefined;
    }
    this.#contents.set(absolute, content);
    return content;
  }

  /** The certificates of a PEM file, or undefined after a report. */
  #certificates(path: Path, file: string, content: Buffer | undefined): X509Certificate[] | undefined {
    if (content === undefined) return undefined;
    const absolute = resolve(this.#directory, file);
    const known = this.#chains.get(absolute) ?? this.#known?.chainOf(absolute);
    if (known !== undefined) {
      this.#chains.set(absolute, known);
      return known;
    }
    const blocks = content.toString('latin1').match(PEM_CERTIFICATE) ?? [];
    if (blocks.length === 0) {
      const isKey = content.includes('PRIVATE KEY-----');
      this.#report(
        path,
        `${file} holds no PEM certificate`,
        isKey ? 'this file is a private key' : 'expected "-----BEGIN CERTIFICATE-----"',
      );
      return undefined;
    }
    try {
      const chain = blocks.map((block) => new X509Certificate(block));
      this.#chains.set(absolute, chain);
      return chain;
    } catch (error) {
      this.#report(path, `${file} is not a valid certificate: ${errorMessage(error)}`);
      return undefined;
    }
  }

  #privateKey(path: Path, file: string, content: Buffer | undefined): KeyObject | undefined {
    if (content === undefined) return undefined;
    if (/ENCRYPTED/.test(content.toString('latin1'))) {
      this.#report(
        path,
        `${file} is encrypted with a pass phrase`,
        'decrypt it: openssl pkey -in encrypted.key -out plain.key',
      );
      return undefined;
    }
    try {
      return createPrivateKey(content);
    } catch (error) {
      const isCertificate = content.includes('BEGIN CERTIFICATE-----') && !content.includes('PRIVATE KEY-----');
      this.#report(
        path,
        `${file} is not a valid PEM private key: ${errorMessage(error)}`,
        isCertificate ? 'this file is a certificate' : undefined,
      );
      return undefined;
    }
  }

  async #loadPair(path: Path, cert: unknown, key: unknown): Promise<void> {
    if (typeof cert !== 'string' || typeof key !== 'string') return;
    const certPath = [...path, 'cert'];
    const keyPath = [...path, 'key'];
    const certContent = await this.#read(certPath, cert, MAX_PEM_BYTES);
    const keyContent = await this.#read(keyPath, key, MAX_PEM_BYTES);
    const leaf = this.#certificates(certPath, cert, certContent)?.[0];
    const known = this.#known?.certificate(cert, key);
    if (known !== undefined && leaf !== undefined) {
      this.#checkValidity(certPath, cert, leaf);
      this.#pairs.set(`${cert}\0${key}`, known);
      return;
    }
    const privateKey = this.#privateKey(keyPath, key, keyContent);
    if (leaf === undefined) return;
    this.#checkValidity(certPath, cert, leaf);
    if (privateKey === undefined || certContent === undefined || keyContent === undefined) return;
    if (!leaf.checkPrivateKey(privateKey)) {
      this.#report(
        keyPath,
        `${key} is not the key of the certificate ${cert}`,
        "the first certificate of the file must be the server's own",
      );
      return;
    }
    this.#pairs.set(`${cert}\0${key}`, {
      certFile: resolve(this.#directory, cert),
      keyFile: resolve(this.#directory, key),
      cert: certContent.toString('utf8'),
      key: keyContent.toString('utf8'),
      names: dnsNames(leaf),
      fingerprint: createHash('sha256').update(certContent).update('\0').update(keyContent).digest('hex'),
      notAfterMs: Date.parse(leaf.validTo),
    });
  }

  /** Only warnings: a proxy that did not start over one forgotten certificate would take every other name down with it. */
  #checkValidity(path: Path, file: string, leaf: X509Certificate): void {
    if (Date.parse(leaf.validTo) <= this.#nowMs) this.#warn(path, `${file} expired on ${leaf.validTo}`);
    if (Date.parse(leaf.validFrom) > this.#nowMs) this.#warn(path, `${file} is not valid before ${leaf.validFrom}`);
  }
}

/** DNS names of the subjectAltName in lower case; the common name only when there are none. */
function dnsNames(leaf: X509Certificate): string[] {
  const names = [...(leaf.subjectAltName ?? '').matchAll(/(?:^|, )DNS:("[^"]*"|[^,]*)/g)].map((match) =>
    (match[1] ?? '').replace(/^"|"$/g, '').toLowerCase(),
  );
  if (names.length > 0) return [...new Set(names)];
  const commonName = /^CN=(.+)$/m.exec(leaf.subject)?.[1]?.toLowerCase();
  return commonName !== undefined && /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)+$/.test(commonName) ? [commonName] : [];
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  return errorMessage(error);
}

/** What an earlier step has made certain. */
export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('configuration was built before it was checked');
  return value;
}
