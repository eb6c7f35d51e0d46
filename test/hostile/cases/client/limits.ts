import { get, line, type ClientCase, type Group } from '../case.ts';

const TOO_LARGE = [431, 400, 'close'] as const;

export const LIMITS: Group<ClientCase> = {
  title: 'Size limits',
  about: 'A head that is too large is 431, a target that is too long 414. (To the byte: limits.test.ts.)',
  reasons: ['headTooLarge', 'headerTooLong', 'tooManyHeaders', 'targetTooLong', 'method'],
  cases: [
    { id: 'C101', name: '200 header lines', rfc: 'RFC6585 5; RFC9112 3', bytes: get([`${'X-H: v\r\n'.repeat(199)}X-H: v`]), allow: TOO_LARGE },
    { id: 'C102', name: 'a header line of 70 kB', rfc: 'RFC6585 5', bytes: get([`X-Big: ${'a'.repeat(70_000)}`]), allow: TOO_LARGE },
    { id: 'LI-1', name: '128 header lines', rfc: 'RFC6585 5', bytes: get(Array.from({ length: 127 }, (_, i) => `X-${i}: v`)), allow: [200, ...TOO_LARGE] },
    { id: 'LI-2', name: '129 header lines', rfc: 'RFC6585 5', bytes: get(Array.from({ length: 128 }, (_, i) => `X-${i}: v`)), allow: TOO_LARGE },
    { id: 'LI-3', name: '10,000 header lines', rfc: 'RFC6585 5', bytes: get(Array.from({ length: 10_000 }, () => 'X: v')), allow: TOO_LARGE },
    { id: 'LI-4', name: 'a name of 70 kB', rfc: 'RFC6585 5', bytes: get([`${'a'.repeat(70_000)}: b`]), allow: TOO_LARGE },
    { id: 'LI-5', name: 'a target of 70 kB', rfc: 'RFC9110 15.5.15', bytes: line(`GET /${'a'.repeat(70_000)} HTTP/1.1`), allow: [414, 505, ...TOO_LARGE] },
    { id: 'LI-6', name: 'a query of 70 kB', rfc: 'RFC9110 15.5.15', bytes: line(`GET /?${'a'.repeat(70_000)} HTTP/1.1`), allow: [414, 505, ...TOO_LARGE] },
    { id: 'LI-7', name: 'a method of 70 kB', rfc: 'RFC9112 3', bytes: line(`${'A'.repeat(70_000)} /p HTTP/1.1`), allow: [414, 501, 505, ...TOO_LARGE] },
    { id: 'LI-8', name: 'a megabyte of head', rfc: 'RFC6585 5', bytes: get(Array.from({ length: 1024 }, (_, i) => `X-${i}: ${'v'.repeat(1024)}`)), allow: TOO_LARGE },
    { id: 'LI-9', name: 'a cookie of 17 kB', rfc: 'RFC6585 5', bytes: get([`Cookie: ${'a'.repeat(17_000)}`]), allow: TOO_LARGE },
    { id: 'LI-10', name: 'a path of a thousand dot segments', rfc: 'RFC3986 5.2.4', bytes: line(`GET ${'/a/..'.repeat(1000)}/p HTTP/1.1`), allow: [200, 400, 414], target: '/p' },
  ],
};
