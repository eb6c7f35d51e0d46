import type { ImageReader } from './image-reader.ts';

export function dumpRespond(reader: ImageReader, index: number): object {
  const respond = reader.row('RESPOND', index);
  const lines = (reader.text(respond.headersOffset, respond.headersLength) ?? '')
    .split('\r\n')
    .filter((line) => line !== '');
  return {
    status: respond.status,
    body: reader.text(respond.bodyOffset, respond.bodyLength),
    headers: Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
    ),
  };
}
