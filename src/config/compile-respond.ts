import type { ImageWriter } from './image-writer.ts';
import type { RespondConfig } from './types.ts';

/** Appends a RESPOND; returns its index. */
export function addRespond(writer: ImageWriter, respond: RespondConfig): number {
  const body = writer.blob(respond.body);
  const headers = writer.string(respond.headers.map(([name, value]) => `${name}: ${value}\r\n`).join(''));
  return writer.add('RESPOND', {
    status: respond.status,
    bodyOffset: body.offset,
    bodyLength: body.length,
    headersOffset: headers.offset,
    headersLength: headers.length,
  });
}
