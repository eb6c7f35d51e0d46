import { POISON, answer, type Group, type UpstreamCase } from '../case.ts';

const OK = answer(['Content-Length: 2'], 'ok');
const interim = (status: string, fields = ''): string => `HTTP/1.1 ${status}\r\n${fields}\r\n`;

export const INTERIM: Group<UpstreamCase> = {
  title: 'Interim answers and upgrades',
  about: 'At most 16 interim answers, which end at the proxy; 101 only when it was asked for.',
  reasons: ['unexpectedUpgrade', 'notHttp', 'badStatusCode', 'tooManyInterim', 'interimTooLarge', 'badFieldName', 'badStatusLine'],
  cases: [
    { id: 'U13', name: '100, then the answer', rfc: 'RFC9110 15.2', bytes: `${interim('100 Continue')}${OK}`, allow: [100, 200], body: 'ok' },
    { id: 'U15', name: '2000 interim answers', rfc: 'RFC9110 15.2', bytes: interim('102 Processing').repeat(2000), allow: [502, 504], reuse: false },
    { id: 'U16', name: '101 that nobody asked for', rfc: 'RFC9110 15.2.2, 7.8', bytes: `${interim('101 Switching Protocols', 'Upgrade: websocket\r\nConnection: Upgrade\r\n')}${POISON}`, allow: [502], reuse: false },
    { id: 'UI-1', name: '103 with fields', rfc: 'RFC8297', bytes: `${interim('103 Early Hints', 'Link: </a.css>; rel=preload\r\nSet-Cookie: early=1\r\n')}${OK}`, allow: [103, 200], body: 'ok', reuse: true },
    { id: 'UI-2', name: '16 interim answers', rfc: 'RFC9110 15.2', bytes: `${interim('102 Processing').repeat(16)}${OK}`, allow: [102, 200], body: 'ok' },
    { id: 'UI-3', name: '17 interim answers', rfc: 'RFC9110 15.2', bytes: `${interim('102 Processing').repeat(17)}${OK}`, allow: [502], reuse: false },
    { id: 'UI-4', name: '101 without Upgrade', rfc: 'RFC9110 15.2.2', bytes: `${interim('101 Switching Protocols')}${POISON}`, allow: [502], reuse: false },
    { id: 'UI-5', name: '101 to h2c', rfc: 'RFC9110 7.8', bytes: `${interim('101 Switching Protocols', 'Upgrade: h2c\r\nConnection: Upgrade\r\n')}\x00\x00\x00\x04\x00\x00\x00\x00\x00`, allow: [502], reuse: false },
    { id: 'UI-6', name: '100 with a length and a body', rfc: 'RFC9110 15.2 (no body)', bytes: `${interim('100 Continue', 'Content-Length: 5\r\n')}hello${OK}`, allow: [502], reuse: false },
    { id: 'UI-7', name: '100 with a coding', rfc: 'RFC9112 6.1 (MUST NOT send)', bytes: `${interim('100 Continue', 'Transfer-Encoding: chunked\r\n')}${OK}`, allow: [200, 502] },
    { id: 'UI-8', name: '100, and then nothing but the end', rfc: 'RFC9110 15.2', bytes: interim('100 Continue'), allow: [502], reuse: false, end: 'close' },
    { id: 'UI-9', name: '100 with a folded line', rfc: 'RFC9112 5.2', bytes: `${interim('100 Continue', 'X-A: b\r\n c\r\n')}${OK}`, allow: [502, 200] },
    { id: 'UI-10', name: 'a malformed answer behind 100', rfc: 'RFC9112 4', bytes: `${interim('100 Continue')}HTTP/1.1 xyz\r\n\r\n`, allow: [502], reuse: false },
    { id: 'UI-11', name: '199', rfc: 'RFC9110 15.2', bytes: `${interim('199 Odd')}${OK}`, allow: [199, 200], body: 'ok' },
    { id: 'UI-12', name: 'interim answers of 60 kB', rfc: 'RFC9110 15.2', bytes: `${interim('103 Early Hints', `X-A: ${'b'.repeat(60_000)}\r\n`)}${OK}`, allow: [200, 502] },
    { id: 'UI-13', name: '426 is an answer like others', rfc: 'RFC9110 15.5.22', bytes: 'HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.3\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok', allow: [426], body: 'ok' },
    { id: 'UI-14', name: '407 of an upstream', rfc: 'RFC9110 15.5.8', bytes: 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 2\r\n\r\nok', allow: [407, 502] },
  ],
};
