import { answer, type Group, type UpstreamCase } from '../case.ts';

const head = (length: number): string => answer([`Content-Length: ${length}`]);

export const TRUNCATION: Group<UpstreamCase> = {
  title: 'Answers that break off',
  about: 'In the head: 502. Behind it: the client sees the end of its connection before the end of the body, never a whole answer that is not.',
  reasons: ['truncated'],
  cases: [
    { id: 'UT-1', name: 'the end in the status line', rfc: 'RFC9112 8', bytes: 'HTTP/1.1 20', allow: [502], reuse: false, end: 'close' },
    { id: 'UT-2', name: 'the end in the head', rfc: 'RFC9112 8', bytes: 'HTTP/1.1 200 OK\r\nContent-Le', allow: [502], reuse: false, end: 'close' },
    { id: 'UT-3', name: 'the end before the empty line', rfc: 'RFC9112 8', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n', allow: [502], reuse: false, end: 'close' },
    { id: 'UT-4', name: 'a reset in the head', rfc: 'RFC9112 8', bytes: 'HTTP/1.1 200 OK\r\nContent-Le', allow: [502], reuse: false, end: 'reset' },
    { id: 'UT-5', name: 'a reset without a byte', rfc: 'RFC9112 9.3.1', bytes: '', allow: [502], reuse: false, end: 'reset' },
    { id: 'UT-6', name: 'the end in the body', rfc: 'RFC9112 8', bytes: `${head(10)}hello`, allow: ['abort', 'close', 502], reuse: false, end: 'close' },
    { id: 'UT-7', name: 'a reset in the body', rfc: 'RFC9112 8', bytes: `${head(10)}hello`, allow: ['abort', 'close', 502], reuse: false, end: 'reset' },
    { id: 'UT-8', name: 'the end before the body', rfc: 'RFC9112 8', bytes: head(10), allow: ['abort', 'close', 502], reuse: false, end: 'close' },
    { id: 'UT-9', name: 'the end one byte before the end of the body', rfc: 'RFC9112 8', bytes: `${head(10)}123456789`, allow: ['abort', 'close', 502], reuse: false, end: 'close' },
    { id: 'UT-10', name: 'a reset in a body that ends with the connection', rfc: 'RFC9112 6.3(8), 8', bytes: answer(['X-A: b'], 'hello'), allow: ['abort', 'close', 502], reuse: false, end: 'reset' },
    { id: 'UT-11', name: 'the end in a large body', rfc: 'RFC9112 8', bytes: `${head(200_000)}${'x'.repeat(100_000)}`, allow: ['abort', 'close', 502], reuse: false, end: 'close' },
    { id: 'UT-12', name: 'a head and then nothing', rfc: 'RFC9112 8', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n', allow: ['silence', 504], reuse: false },
    { id: 'UT-13', name: 'half a body and then nothing', rfc: 'RFC9112 8', bytes: `${head(10)}hello`, allow: ['silence', 'abort'], reuse: false },
    { id: 'UT-14', name: 'the end in an answer to a POST whose body is still coming', rfc: 'RFC9112 8', bytes: `${head(10)}hello`, allow: ['abort', 'close', 502], reuse: false, method: 'POST', end: 'close' },
    { id: 'UT-15', name: 'a length of 2^40 that never comes', rfc: 'RFC9110 8.6', bytes: `${head(2 ** 40)}hello`, allow: ['abort', 'close', 502], reuse: false, end: 'close' },
  ],
};
