/** Request heads in every form in which the listener's parser hands them on, which is more than RFC 9112 allows. */
import type { Draw } from './draw.ts';

export interface RequestMessage {
  method: string;
  target: string;
  fields: [name: string, value: string][];
}

const METHODS = ['GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'PROPFIND', 'SEARCH', 'M-SEARCH'];
const ODD_METHODS = ['get', 'BREW', 'G@T', 'G"E(T', 'CONNECT', 'TRACE', 'X'.repeat(33), 'GE\x7fT', 'GET:', 'G/T', 'PRI', '\xe9'];
const TARGETS = ['/', '/a/b', '/a?b=c', '/%41', '/a;b=c', '/?', '/a,b', '/~a', "/a'b", '/a//b', '/a/../b', '/a:b@c', '/a?/?'];
const ODD_TARGETS = ['/a#b', '/a\x7fb', '/caf\xe9', '/a\\b', '/a"b', '/a<b>', '/a{b}', '/a|b', '/a^b', '/a`b', '/%', '/%zz', '/%00', '/%2f', '/%2e%2e/', '/a?b#c', '/\x80'];
const HOSTS = ['a.test', 'a.test:80', 'A.TEST', '[::1]', '[::1]:8080', '127.0.0.1', 'a.test.', 'a-b.test:65535'];
const ODD_HOSTS = ['', 'a b', 'a.test/b', 'a.test:', 'a.test:x', 'a.test:99999999', '[::1', '::1', 'a,b', 'a@b', 'a.test, b.test', 'caf\xe9', 'a\tb', 'a"b', 'http://a.test', '.', ':80', 'a..test', 'a_b'];
const LENGTHS = ['0', '5', '5', '10'];
const ODD_LENGTHS = ['', '05', '5, 5', '5,5', '5,6', '+5', '-5', '5 5', '0x5', '5.0', '5a', '1e1', '999999999999999', '9999999999999999', '18446744073709551615', '18446744073709551616', '"5"', '5;', '\xa05', '5\t5'];
const CODINGS = ['chunked', 'chunked', 'Chunked', 'CHUNKED'];
const ODD_CODINGS = ['', 'identity', 'gzip', 'gzip, chunked', 'gzip,chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,', ',chunked', 'xchunked', 'chunkedx', 'chunked;q=1', '"chunked"', 'chun ked', 'chunked\xa0', 'trailers', 'identity, chunked', 'chunked, identity'];
const PLAIN: [string, string][] = [
  ['accept', '*/*'], ['x-a', 'b'], ['x-a', ''], ['x_a', '1'], ['1', '2'], ["x!#$%&'*+-.^_`|~", 't'], ['x-high', 'caf\xe9z'], ['x-tab', 'a\tb'], ['cookie', 'a=b; c="d"'],
  ['expect', '100-continue'], ['te', 'trailers'], ['trailer', 'x-t'], ['keep-alive', 'timeout=5'], ['proxy-connection', 'close'], ['authorization', 'Basic eDp5'], ['max-forwards', '3'],
];
const ODD: [string, string][] = [
  ['expect', '200-ok'], ['expect', ''], ['upgrade', 'h2c'], ['upgrade', 'websocket'], ['http2-settings', 'AAMAAABk'], ['x-del', 'a\x7fb'], ['x-quote', '"'], ['x-high', '\x80\x81'],
  ['content_length', '5'], ['transfer_encoding', 'chunked'], ['content-length-', '5'], ['x-transfer-encoding', 'gzip'], ['max-forwards', 'x'],
];
const CONNECTIONS = ['close', 'keep-alive', 'Close', 'close, x-a', 'upgrade', 'host', 'content-length', 'transfer-encoding', '', ',', 'keep-alive, close', 'x y'];

export function makeRequest(draw: Draw): RequestMessage {
  const host: [string, string][] = draw.once(20) ? draw.times(2, () => ['host', draw.of(HOSTS)]) : [['host', draw.mostly(HOSTS, 12, ODD_HOSTS)]];
  const length = (): [string, string] => ['content-length', draw.mostly(LENGTHS, 3, ODD_LENGTHS)];
  const coding = (): [string, string] => ['transfer-encoding', draw.mostly(CODINGS, 3, ODD_CODINGS)];
  const framing = draw.of([() => [], () => [], () => [length()], () => [length()], () => [coding()], () => [coding()], () => [length(), coding()], () => [length(), length()], () => [coding(), coding()]])();
  return {
    method: draw.mostly(METHODS, 10, ODD_METHODS),
    target: draw.mostly(TARGETS, 6, ODD_TARGETS),
    fields: draw.shuffled([...host, ...framing, ...draw.times(3, () => draw.mostly(PLAIN, 8, ODD)), ...(draw.once(4) ? [['connection', draw.of(CONNECTIONS)] as [string, string]] : [])]),
  };
}

/** The head as it is on the wire. */
export const wireOf = ({ method, target, fields }: RequestMessage): Buffer =>
  Buffer.from(`${method} ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, 'latin1');
