import { REFUSED_LINE, line, type ClientCase, type Group } from '../case.ts';

const REFUSED_METHOD = [400, 405, 501, 505, 'close'] as const;

export const METHODS: Group<ClientCase> = {
  title: 'Methods',
  about: 'A method is a token, case-sensitive; unknown ones pass. CONNECT is refused unless configured, TRACE is off.',
  reasons: ['method', 'methodRefused', 'traceBody', 'maxForwards'],
  cases: [
    { id: 'C54', name: 'CONNECT', rfc: 'RFC9110 9.3.6', bytes: 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n', allow: [...REFUSED_METHOD, 403] },
    { id: 'C70', name: 'a method that is no token', rfc: 'RFC9110 9.1', bytes: line('G"E(T /p HTTP/1.1'), allow: REFUSED_METHOD },
    { id: 'C71', name: 'get', rfc: 'RFC9110 9.1 (case-sensitive)', bytes: line('get /p HTTP/1.1'), allow: [400, 405, 501, 200] },
    { id: 'C100', name: 'TRACE with a cookie', rfc: 'RFC9110 9.3.8', bytes: line('TRACE /p HTTP/1.1', ['Cookie: secret=1', 'Max-Forwards: 0']), allow: [405, 501, 400] },
    { id: 'ME-1', name: 'CONNECT with a path', rfc: 'RFC9110 9.3.6', bytes: line('CONNECT /p HTTP/1.1'), allow: REFUSED_METHOD },
    { id: 'ME-2', name: 'TRACE without Max-Forwards', rfc: 'RFC9110 9.3.8', bytes: line('TRACE /p HTTP/1.1'), allow: REFUSED_METHOD },
    { id: 'ME-3', name: 'TRACE with a body', rfc: 'RFC9110 9.3.8', bytes: line('TRACE /p HTTP/1.1', ['Content-Length: 5'], 'hello'), allow: REFUSED_METHOD },
    { id: 'ME-4', name: 'a method that nobody knows', rfc: 'RFC9110 9.1', bytes: line('BREW /p HTTP/1.1'), allow: [200, 501] },
    { id: 'ME-5', name: 'a method of other letters than a token', rfc: 'RFC9110 9.1', bytes: line("!#$%&'*+-.^_`|~ /p HTTP/1.1"), allow: [200, 400, 501] },
    { id: 'ME-6', name: 'a method of 32 bytes', rfc: 'RFC9110 9.1', bytes: line(`${'M'.repeat(32)} /p HTTP/1.1`), allow: [200, 501] },
    { id: 'ME-7', name: 'a method of 33 bytes', rfc: 'RFC9112 3 (SHOULD be 501)', bytes: line(`${'M'.repeat(33)} /p HTTP/1.1`), allow: REFUSED_METHOD },
    { id: 'ME-8', name: 'a method of 3000 bytes', rfc: 'RFC9112 3 (SHOULD be 501)', bytes: line(`${'M'.repeat(3000)} /p HTTP/1.1`), allow: REFUSED_METHOD },
    { id: 'ME-9', name: 'no method', rfc: 'RFC9112 3', bytes: line(' /p HTTP/1.1'), allow: REFUSED_LINE },
    { id: 'ME-10', name: 'a NUL in the method', rfc: 'RFC9110 9.1', bytes: line('GE\0T /p HTTP/1.1'), allow: REFUSED_LINE },
    { id: 'ME-11', name: 'a method that is not ASCII', rfc: 'RFC9110 9.1', bytes: line('G\xc3\x8bT /p HTTP/1.1'), allow: REFUSED_LINE },
    { id: 'ME-12', name: 'a colon behind the method', rfc: 'RFC9110 9.1', bytes: line('GET: /p HTTP/1.1'), allow: REFUSED_LINE },
    { id: 'ME-13', name: 'HEAD with a body', rfc: 'RFC9110 9.3.2', bytes: line('HEAD /p HTTP/1.1', ['Content-Length: 5'], 'hello'), allow: [200, 400, 'close'], body: 'hello' },
    { id: 'ME-14', name: 'DELETE with a body', rfc: 'RFC9110 9.3.5', bytes: line('DELETE /p HTTP/1.1', ['Content-Length: 5'], 'hello'), allow: [200, 400], body: 'hello' },
    { id: 'ME-15', name: 'a field that would change the method', rfc: 'RFC9110 9.1', bytes: line('POST /p HTTP/1.1', ['X-HTTP-Method-Override: CONNECT', 'Content-Length: 0']), allow: [200] },
    { id: 'ME-16', name: 'connect in small letters is not CONNECT', rfc: 'RFC9110 9.1', bytes: line('connect /p HTTP/1.1'), allow: [200, ...REFUSED_METHOD] },
    { id: 'ME-17', name: 'CONNECT followed by the bytes of a tunnel', rfc: 'RFC9110 9.3.6', bytes: line('CONNECT a.test:443 HTTP/1.1', [], '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03'), allow: REFUSED_METHOD },
    { id: 'ME-18', name: 'a brace of JSON for a method', rfc: 'RFC9112 3', bytes: line('{"a":1} /p HTTP/1.1'), allow: REFUSED_LINE },
  ],
};
