import { SMUGGLED, chunked, get, line, type ClientCase, type Group } from '../case.ts';

export const EARLY: Group<ClientCase> = {
  title: 'Early answers and requests in bodies',
  about: 'A body is a body, whatever it looks like; when the answer comes before its end, the rest is read and dropped, or the connection ends.',
  cases: [
    { id: 'C90', name: 'a GET whose body looks like a request', rfc: 'RFC9110 9.3.1; PortSwigger CL.0', bytes: get(['Content-Length: 56'], SMUGGLED), allow: [200, 400, 'close'], body: SMUGGLED },
    { id: 'C114', name: 'an answer of the proxy itself, and a body that looks like a request', rfc: 'RFC9112 9.3; CVE-2025-4366 (Pingora)', bytes: line('POST /early HTTP/1.1', ['Content-Length: 56'], SMUGGLED), allow: [200, 400, 401, 403, 413, 'close'] },
    { id: 'EA-1', name: 'the same in chunks', rfc: 'RFC9112 9.3', bytes: line('POST /early HTTP/1.1', ['Transfer-Encoding: chunked'], `38\r\n${SMUGGLED}\r\n0\r\n\r\n`), allow: [200, 400, 'close'] },
    { id: 'EA-2', name: 'an answer of the proxy itself to a GET with a body', rfc: 'RFC9112 9.3', bytes: line('GET /early HTTP/1.1', ['Content-Length: 56'], SMUGGLED), allow: [200, 400, 'close'] },
    { id: 'EA-3', name: 'a body above the limit that looks like requests', rfc: 'RFC9110 15.5.14', bytes: line('POST /small HTTP/1.1', ['Content-Length: 5600'], SMUGGLED.repeat(100)), allow: [413, 'close'] },
    { id: 'EA-4', name: 'a body above the limit, in chunks', rfc: 'RFC9110 15.5.14', bytes: line('POST /small HTTP/1.1', ['Transfer-Encoding: chunked'], `38\r\n${SMUGGLED}\r\n`.repeat(100) + '0\r\n\r\n'), allow: [413, 'close'] },
    { id: 'EA-5', name: 'no route, and a body that looks like a request', rfc: 'RFC9112 9.3', bytes: `POST /p HTTP/1.1\r\nHost: nowhere.test\r\nContent-Length: 56\r\n\r\n${SMUGGLED}`, allow: [200, 404, 421], forwarded: 1 },
    { id: 'EA-6', name: 'a chunked body that looks like a request', rfc: 'RFC9112 7.1', bytes: chunked(`38\r\n${SMUGGLED}\r\n0\r\n\r\n`), allow: [200], body: SMUGGLED },
    { id: 'EA-7', name: 'an answer of the proxy itself to a HEAD with a body', rfc: 'RFC9110 9.3.2', bytes: line('HEAD /early HTTP/1.1', ['Content-Length: 56'], SMUGGLED), allow: [200, 400, 'close'] },
    { id: 'EA-8', name: 'an upload that an upstream answers before it has come', rfc: 'RFC9112 9.5', bytes: line('POST /p HTTP/1.1', ['Content-Length: 100'], SMUGGLED), allow: ['silence', 408, 'close'], forwarded: 0 },
  ],
};
