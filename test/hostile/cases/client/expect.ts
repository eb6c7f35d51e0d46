import { get, post, type ClientCase, type Group } from '../case.ts';

export const EXPECT: Group<ClientCase> = {
  title: 'Expect',
  about: '100-continue is answered by the proxy, and never forwarded; another expectation is 417.',
  reasons: ['expectation', 'contentLength', 'headerValue'],
  cases: [
    { id: 'C93', name: 'an unknown expectation', rfc: 'RFC9110 10.1.1; CVE-2025-32094', bytes: post(['Expect: y 100-continue', 'Content-Length: 5'], 'hello'), allow: [417, 400, 200] },
    { id: 'C94', name: '100-continue, and the body never comes', rfc: 'RFC9110 10.1.1', bytes: get(['Expect: 100-continue', 'Content-Length: 5']), allow: ['silence', 408, 'close'], forwarded: 0 },
    { id: 'EX-1', name: '100-continue, and the body is there', rfc: 'RFC9110 10.1.1', bytes: post(['Expect: 100-continue', 'Content-Length: 5'], 'hello'), allow: [200], body: 'hello', absent: ['expect'] },
    { id: 'EX-2', name: '100-Continue in another case', rfc: 'RFC9110 10.1.1 (not case-sensitive)', bytes: post(['Expect: 100-CONTINUE', 'Content-Length: 5'], 'hello'), allow: [200, 417], body: 'hello', absent: ['expect'] },
    { id: 'EX-3', name: '100-continue without a body', rfc: 'RFC9110 10.1.1', bytes: get(['Expect: 100-continue']), allow: [200, 400, 417], absent: ['expect'] },
    { id: 'EX-4', name: '100-continue twice', rfc: 'RFC9110 10.1.1', bytes: post(['Expect: 100-continue', 'Expect: 100-continue', 'Content-Length: 5'], 'hello'), allow: [200, 400, 417], body: 'hello', absent: ['expect'] },
    { id: 'EX-5', name: 'a list of expectations', rfc: 'RFC9110 10.1.1', bytes: post(['Expect: 100-continue, meow', 'Content-Length: 5'], 'hello'), allow: [400, 417] },
    { id: 'EX-6', name: 'an expectation of another status', rfc: 'RFC9110 10.1.1', bytes: post(['Expect: 200-ok', 'Content-Length: 5'], 'hello'), allow: [400, 417] },
    { id: 'EX-7', name: 'an empty expectation', rfc: 'RFC9110 10.1.1', bytes: post(['Expect:', 'Content-Length: 5'], 'hello'), allow: [200, 400, 417], absent: ['expect'] },
    { id: 'EX-8', name: 'an expectation with a parameter', rfc: 'RFC9110 10.1.1', bytes: post(['Expect: 100-continue;q=1', 'Content-Length: 5'], 'hello'), allow: [400, 417] },
    { id: 'EX-9', name: '100-continue before a length that is none', rfc: 'RFC9110 8.6, 10.1.1', bytes: post(['Expect: 100-continue', 'Content-Length: 5x'], 'hello'), allow: [400, 'close'] },
    { id: 'EX-10', name: '100-continue with a chunked body', rfc: 'RFC9110 10.1.1', bytes: post(['Expect: 100-continue', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'), allow: [200], body: 'hello', absent: ['expect'] },
    { id: 'EX-11', name: '100-continue with a NUL', rfc: 'RFC9110 5.5', bytes: post(['Expect: 100-continue\0', 'Content-Length: 5'], 'hello'), allow: [400, 'close'] },
  ],
};
