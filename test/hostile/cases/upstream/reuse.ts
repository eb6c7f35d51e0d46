import { POISON, answer, type Group, type UpstreamCase } from '../case.ts';

const HELLO = answer(['Content-Length: 5'], 'hello');

export const UPSTREAM_REUSE: Group<UpstreamCase> = {
  title: 'Reuse of the connection',
  about: 'Only a connection on which the answer and the request are complete, and not one byte more has come, serves again.',
  reasons: ['extraBytes'],
  cases: [
    { id: 'U09', name: 'an answer behind the body', rfc: 'RFC9112 6.3, 9.2; PortSwigger response queue poisoning', bytes: `${HELLO}${POISON}`, allow: [200], reuse: false },
    { id: 'U10', name: 'an answer behind a chunked body', rfc: 'RFC9112 9.2', bytes: answer(['Transfer-Encoding: chunked'], `5\r\nhello\r\n0\r\n\r\n${POISON}`), allow: [200], reuse: false },
    { id: 'U36', name: 'the end without a byte', rfc: 'RFC9112 9.3.1', bytes: '', allow: [200, 502], end: 'close' },
    { id: 'U37', name: 'an answer before the request has ended', rfc: 'RFC9112 9.3, 9.5', bytes: 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n', allow: [413], reuse: false, method: 'POST' },
    { id: 'UR-1', name: 'one byte behind the body', rfc: 'RFC9112 6.3', bytes: `${HELLO}!`, allow: [200], reuse: false, body: 'hello' },
    { id: 'UR-2', name: 'an empty line behind the body', rfc: 'RFC9112 6.3', bytes: `${HELLO}\r\n`, allow: [200], body: 'hello', reuse: false },
    { id: 'UR-3', name: 'an answer behind one without a body', rfc: 'RFC9112 9.2', bytes: `HTTP/1.1 304 Not Modified\r\n\r\n${POISON}`, allow: [304], reuse: false },
    { id: 'UR-4', name: 'an interim answer behind the answer', rfc: 'RFC9110 15.2', bytes: `${HELLO}HTTP/1.1 100 Continue\r\n\r\n`, allow: [200], reuse: false, body: 'hello' },
    { id: 'UR-5', name: 'a 408 behind the answer, as some servers say goodbye', rfc: 'RFC9110 15.5.9', bytes: `${HELLO}HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, allow: [200], reuse: false, end: 'close', body: 'hello' },
    { id: 'UR-6', name: 'Connection: close, and an answer behind', rfc: 'RFC9112 9.6', bytes: `${answer(['Connection: close', 'Content-Length: 5'], 'hello')}${POISON}`, allow: [200], reuse: false, body: 'hello' },
    { id: 'UR-7', name: 'Connection: close among others', rfc: 'RFC9112 9.6', bytes: answer(['Connection: x, CLOSE', 'Content-Length: 5'], 'hello'), allow: [200], reuse: false, body: 'hello' },
    { id: 'UR-8', name: 'Connection: keep-alive, close', rfc: 'RFC9112 9.3', bytes: answer(['Connection: keep-alive, close', 'Content-Length: 5'], 'hello'), allow: [200], reuse: false, body: 'hello' },
    { id: 'UR-9', name: 'an early answer and more behind it', rfc: 'RFC9112 9.3, 9.5', bytes: `HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n${POISON}`, allow: [413], reuse: false, method: 'POST' },
    { id: 'UR-10', name: 'an early answer of 200', rfc: 'RFC9112 9.5', bytes: HELLO, allow: [200], reuse: false, method: 'POST', body: 'hello' },
    { id: 'UR-11', name: 'an early answer, and the end', rfc: 'RFC9112 9.5', bytes: 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno', allow: [413], reuse: false, method: 'POST', end: 'close', body: 'no' },
    { id: 'UR-12', name: 'an honest answer', rfc: 'RFC9112 9.3', bytes: HELLO, allow: [200], reuse: true, body: 'hello' },
    { id: 'UR-13', name: 'an answer behind one to HEAD', rfc: 'RFC9112 6.3(1)', bytes: `${answer(['Content-Length: 5'])}${POISON}`, allow: [200], reuse: false, method: 'HEAD' },
  ],
};
