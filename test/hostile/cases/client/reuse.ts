import { REFUSED, REFUSED_CODING, SMUGGLED, get, hosted, line, post, type ClientCase, type Group } from '../case.ts';

const ONE = line('GET /one HTTP/1.1');

export const REUSE: Group<ClientCase> = {
  title: 'Pipelining and reuse',
  about: 'A connection that carried something wrong carries nothing after it.',
  reasons: ['host', 'missingHost', 'contentLength', 'unknownTransferCoding', 'transferEncoding', 'lengthAndTransferEncoding', 'methodRefused', 'expectation', 'headerValue', 'tooManyHeaders'],
  cases: [
    { id: 'C91', name: 'a pair of requests', rfc: 'RFC9112 9.3.2', bytes: `${ONE}${line('GET /two HTTP/1.1')}`, allow: [200], forwarded: 2, gap: { rule: 'noPipelining', today: [200, 'close'] } },
    { id: 'C111', name: 'a request behind Connection: close', rfc: 'RFC9112 9.6', bytes: `${line('GET /one HTTP/1.1', ['Connection: close'])}${SMUGGLED}`, allow: [200], gap: { rule: 'noPipelining', today: [200, 'close'] } },
    { id: 'PI-1', name: 'a hundred requests', rfc: 'RFC9112 9.3.2', bytes: ONE.repeat(100), allow: [200], forwarded: 100, gap: { rule: 'noPipelining', today: [200, 'close'] } },
    { id: 'PI-2', name: 'a request behind one whose Host is malformed', rfc: 'RFC9112 9.6', bytes: `${hosted('Host: a@b')}${SMUGGLED}`, allow: REFUSED },
    { id: 'PI-3', name: 'a request behind one without a Host', rfc: 'RFC9112 9.6', bytes: `${hosted('X-A: b')}${SMUGGLED}`, allow: REFUSED },
    { id: 'PI-4', name: 'a request behind one with a malformed length', rfc: 'RFC9112 6.3, 9.6', bytes: `${post(['Content-Length: x'])}${SMUGGLED}`, allow: REFUSED },
    { id: 'PI-5', name: 'a request behind one with an unknown coding', rfc: 'RFC9112 6.1, 9.6', bytes: `${post(['Transfer-Encoding: gzip'])}${SMUGGLED}`, allow: REFUSED_CODING },
    { id: 'PI-6', name: 'a request behind one with both', rfc: 'RFC9112 6.3, 9.6', bytes: `${post(['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n')}${SMUGGLED}`, allow: REFUSED },
    { id: 'PI-7', name: 'a request behind one with a control byte', rfc: 'RFC9110 5.5; RFC9112 9.6', bytes: `${get(['X-A: \x01'])}${SMUGGLED}`, allow: REFUSED },
    { id: 'PI-8', name: 'a request behind one with a method that is refused', rfc: 'RFC9110 9.3.8; RFC9112 9.6', bytes: `${line('TRACE /p HTTP/1.1')}${SMUGGLED}`, allow: [405, 501, 400, 'close'] },
    { id: 'PI-9', name: 'a request behind one with too many fields', rfc: 'RFC6585 5; RFC9112 9.6', bytes: `${get(Array.from({ length: 110 }, (_, i) => `X-${i}: v`))}${SMUGGLED}`, allow: [431, 400, 'close'] },
    { id: 'PI-10', name: 'a request behind one with an unknown expectation', rfc: 'RFC9110 10.1.1; RFC9112 9.6', bytes: `${post(['Expect: x', 'Content-Length: 0'])}${SMUGGLED}`, allow: [417, 400, 'close'] },
    { id: 'PI-11', name: 'a request behind one of HTTP/1.0', rfc: 'RFC9112 9.6', bytes: `${line('GET /p HTTP/1.0')}${SMUGGLED}`, allow: [200, 400, 505, 'close'] },
    { id: 'PI-12', name: 'nonsense behind a request', rfc: 'RFC9112 2.2', bytes: `${get()}\x00\x01\x02`, allow: [200, 'close'] },
    { id: 'PI-13', name: 'an empty line behind a request', rfc: 'RFC9112 2.2', bytes: `${get()}\r\n`, allow: [200] },
    { id: 'PI-14', name: 'an empty line behind a body, as old browsers sent it', rfc: 'RFC9112 2.2', bytes: `${post(['Content-Length: 5'], 'hello')}\r\n`, allow: [200], body: 'hello' },
    { id: 'PI-15', name: 'half a request behind a request', rfc: 'RFC9112 9.3.2', bytes: `${get()}GET /sm`, allow: [200, 'close'] },
    { id: 'PI-16', name: 'a pair, the second malformed', rfc: 'RFC9112 9.3.2', bytes: `${ONE}${hosted('Host: a@b')}`, allow: [200, 'close'] },
    { id: 'PI-17', name: 'a pair of POST and GET', rfc: 'RFC9112 9.3.2', bytes: `${post(['Content-Length: 5'], 'hello')}${line('GET /two HTTP/1.1')}`, allow: [200], forwarded: 2, gap: { rule: 'noPipelining', today: [200, 'close'] } },
    { id: 'PI-18', name: 'a request behind a chunked one', rfc: 'RFC9112 9.3.2', bytes: `${post(['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n')}${line('GET /two HTTP/1.1')}`, allow: [200], forwarded: 2, gap: { rule: 'noPipelining', today: [200, 'close'] } },
    { id: 'PI-19', name: 'a request behind a HEAD', rfc: 'RFC9112 9.3.2', bytes: `${line('HEAD /p HTTP/1.1')}${line('HEAD /two HTTP/1.1')}`, allow: [200], forwarded: 2, gap: { rule: 'noPipelining', today: [200, 'close'] } },
    { id: 'PI-20', name: 'a request behind one that expects 100', rfc: 'RFC9110 10.1.1', bytes: `${post(['Expect: 100-continue', 'Content-Length: 5'], 'hello')}${line('GET /two HTTP/1.1')}`, allow: [200], forwarded: 2, gap: { rule: 'noPipelining', today: [200, 'close'] } },
  ],
};
