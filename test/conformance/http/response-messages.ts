/** Answers by the grammar of RFC 9112, and off it: every choice is mostly right and sometimes wrong. */
import { mutated, type Draw } from './draw.ts';

export interface ResponseMessage {
  text: string;
  toHead: boolean;
  closed: boolean;
  ends: number[];
}

const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'];
const ODD_VERSIONS = ['HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1', 'HTTP/1.10', 'HTTP/11', 'ICY', 'RTSP/1.0', ' HTTP/1.1', '\r\nHTTP/1.1', 'HTTP/1.1\t'];
const CODES = ['200', '200', '200', '201', '204', '206', '301', '304', '404', '418', '500', '599'];
const ODD_CODES = ['099', '20', '2000', '600', '999', '2x0', '', '000', '+20', ' 200', '205', '101'];
const REASONS = ['OK', 'OK', 'Not Found', '', 'a b\tc', 'caf\xe9', 'OK:x'];
const ODD_REASONS = ['O\x7fK', 'O\0K', 'O\rK', 'O\nK', '\x1b[1m'];
const LENGTHS = ['', '0', '1', '2', '5', '05', '5, 5', '5,5', '5, 6', '5,', ',5', '+5', '-5', '5 ', ' 5', '5 5', '0x5', '5.0', '5a', '1e1', '999999999999999999', '9999999999999999999', '18446744073709551616', '"5"', '5;a'];
const CODINGS = ['chunked', 'Chunked', 'CHUNKED', 'chunked ', '\tchunked', '', 'identity', 'gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,', ',chunked', 'xchunked', 'chunkedx', 'chunked;q=1', '"chunked"', 'chun ked', 'chunked\x0b', 'compress'];
const CONNECTIONS = ['close', 'keep-alive', 'Close', 'Keep-Alive', 'keep-alive, close', 'close, x-a', 'x-a', 'upgrade', '', ',', 'closed', 'close;', 'keep-alive,keep-alive'];
const PLAIN = ['Server: x', 'Date: Sun, 06 Nov 1994 08:49:37 GMT', 'Set-Cookie: a=b', 'Set-Cookie: c=d; e', 'X-A: b', 'X-A:b', 'X-A:  b  ', 'X-A:\tb\t', 'X-Empty:', 'X-Empty: ', 'X_U: 1', '1: 2', 'x!#$%&\'*+-.^_`|~: t', 'X-High: caf\xe9\xff', 'X-Colons: a:b::c', 'Keep-Alive: timeout=5', 'Trailer: X-T', 'Upgrade: websocket', 'Proxy-Connection: close'];
const ODD = [' folded: 1', '\tfolded', 'X-A : b', 'X-A\t: b', ': no name', 'no colon', '', 'X A: b', 'X-\xe9: b', 'X-A: b\0c', 'X-A: b\x7f', 'X-A: b\rc', 'X-A: b\nX-B: c', 'X-A: \x01', 'X(A): b', 'X-A: b\r\n c', 'X"A: b', 'X-A\0: b', 'X-A: b\r\r'];
const EXTENSIONS = [';a', ';a=b', ';a=b;c', ';a="b c"', '; a = b', ' ;a'];
const ODD_EXTENSIONS = [' ', '\t', ';', ';;', ';a=', ';=b', ';a="b', ';a=\x01', ';a="\\\r"', 'x', ' x', ';a\x7f', ';\xff', ';a="\xff"', ';a=b c', ';a = "b" ;c'];
const TRAILERS = ['X-T: 1', 'Set-Cookie: t=1', 'Content-Length: 5', 'X-T:', 'Transfer-Encoding: chunked'];
const ODD_TRAILERS = ['no colon', ' folded', 'X T: 1', ': 1', 'X-T: a\0b', 'X-T: a\x7f', 'X-T\t: b', '\tX: y', 'X-T: a\r', 'X-\xe9: y'];

function chunkedBody(draw: Draw): string {
  const chunks = draw.times(3, () => {
    const data = 'x'.repeat(1 + draw.below(20));
    const size = data.length.toString(16);
    const written = draw.mostly([size, size.toUpperCase(), `0${size}`, `000${size}`], 12, ['', '-1', '+5', '0x5', 'g', `${size}g`, `1${size}`, 'ffffffffffffffff', '10000000000000000', ` ${size}`, '7fffffffffffffff', '8000000000000000', `00000000000000000${size}`]);
    const extension = draw.once(4) ? draw.mostly(EXTENSIONS, 3, ODD_EXTENSIONS) : '';
    return `${written}${extension}${draw.mostly(['\r\n'], 20, ['\n', '\r', '\r\r\n', ''])}${data}${draw.mostly(['\r\n'], 20, ['\n', '', '\r', 'x\r\n', '\r\n\r\n', ' \r\n'])}`;
  });
  const trailers = draw.once(3) ? draw.times(2, () => `${draw.mostly(TRAILERS, 4, ODD_TRAILERS)}\r\n`) : [];
  const last = draw.mostly(['0', '0', '00', '000'], 12, ['', '0x0', '-0', '00000000000000000']);
  return `${chunks.join('')}${last}${draw.once(6) ? draw.mostly(EXTENSIONS, 3, ODD_EXTENSIONS) : ''}\r\n${trailers.join('')}${draw.mostly(['\r\n'], 15, ['', '\n', '\r', 'x\r\n', ' \r\n'])}`;
}

function head(draw: Draw, codes: readonly string[], framing: readonly string[]): string {
  const start = `${draw.mostly(VERSIONS, 25, ODD_VERSIONS)}${draw.mostly([' '], 40, ['  ', '\t', ''])}${draw.mostly(codes, 25, ODD_CODES)}`;
  const reason = draw.mostly([' '], 15, ['', '  ', '\t']) + draw.mostly(REASONS, 25, ODD_REASONS);
  const lines = draw.shuffled([
    ...framing,
    ...draw.times(3, () => draw.mostly(PLAIN, 12, ODD)),
    ...(draw.once(5) ? [`Connection: ${draw.of(CONNECTIONS)}`] : []),
  ]);
  const end = draw.mostly(['\r\n'], 60, ['\n', '\r', ' \r\n']);
  return `${start}${reason}\r\n${lines.map((line) => line + draw.mostly(['\r\n'], 60, ['\n', '\r', '\r\r\n'])).join('')}${end}`;
}

/** Framing lines and a body that fits them, as a rule. */
function framed(draw: Draw): { lines: string[]; body: string } {
  const text = 'hello world'.slice(0, draw.below(12));
  const name = (usual: string): string => draw.mostly([usual, usual.toLowerCase()], 20, [`${usual} `, usual.toUpperCase(), usual.replace('-', '_'), ` ${usual}`]);
  const length = (): string => `${name('Content-Length')}: ${draw.mostly([String(text.length)], 3, LENGTHS)}`;
  const coding = (): string => `${name('Transfer-Encoding')}: ${draw.mostly(['chunked'], 3, CODINGS)}`;
  switch (draw.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return { lines: [length()], body: text };
    case 4:
    case 5:
    case 6:
    case 7:
      return { lines: [coding()], body: chunkedBody(draw) };
    case 8:
      return { lines: [length(), coding()], body: draw.once(2) ? text : chunkedBody(draw) };
    case 9:
      return { lines: [length(), length()], body: text };
    case 10:
      return { lines: [coding(), coding()], body: chunkedBody(draw) };
    default:
      return { lines: [], body: text };
  }
}

export function makeResponse(draw: Draw): ResponseMessage {
  const interim = draw.once(8) ? draw.times(3, () => head(draw, ['100', '102', '103', '199'], draw.once(6) ? framed(draw).lines : [])) : [];
  const { lines, body } = framed(draw);
  const extra = draw.once(12) ? draw.of(['x', '\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison', '0\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n']) : '';
  let text = `${interim.join('')}${head(draw, CODES, lines)}${body}${extra}`;
  if (draw.once(12)) text = text.slice(0, draw.below(text.length));
  if (draw.once(4)) text = mutated(text, draw);
  return { text, toHead: draw.once(10), closed: draw.once(2), ends: draw.cuts(text.length) };
}
