/** Certificates for one run, made by the openssl command: nothing that expires lies in the repository. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  certFile: string;
  keyFile: string;
  cert: string;
  key: string;
}

export interface CertificateOptions {
  /** `DNS:a.test` or `IP:127.0.0.1`; plain names are DNS names. */
  names?: readonly string[];
  /** Signs; else it signs itself. */
  ca?: Certificate;
  /** This one may sign others. */
  isCa?: boolean;
}

export function makeCertificate(directory: string, name: string, { names = [name], ca, isCa = false }: CertificateOptions = {}): Certificate {
  const certFile = join(directory, `${name}.pem`);
  const keyFile = join(directory, `${name}.key`);
  const altNames = names.map((entry) => (entry.includes(':') ? entry : `DNS:${entry}`)).join(',');
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
    ...['-keyout', keyFile, '-out', certFile],
    ...(ca === undefined ? [] : ['-CA', ca.certFile, '-CAkey', ca.keyFile]),
    ...(isCa ? ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'] : ['-addext', `subjectAltName=${altNames}`, '-addext', 'basicConstraints=critical,CA:FALSE']),
  ], { stdio: 'pipe' });
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}
