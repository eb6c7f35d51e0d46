/** WebSocket frames: reading, masking and validating, by the engine, by the package ws and by Node itself. */
import { isUtf8 } from 'node:buffer';
import * as ws from 'ws';
import { timeUtf8, timeWebSocketMasking, timeWebSocketReads } from '../../src/binding/websocket-codec.ts';
import { sink, type Row } from './harness.ts';

/** They fit the first-level cache, as what a socket has just delivered does. */
const FRAMES = 512;
const FRAME_BYTES = 16;
const LARGE_BYTES = 64 * 1024;

/** Not in the types of ws. */
const { Receiver, Sender } = ws as unknown as {
  Receiver: new (options: { isServer: boolean }) => NodeJS.WritableStream;
  Sender: { frame(data: Buffer, options: { fin: boolean; opcode: number; mask: boolean; readOnly: boolean; rsv1: boolean }): Buffer[] };
};

function frames(): Buffer {
  const one = Buffer.alloc(2 + FRAME_BYTES, 'a');
  one[0] = 0x81;
  one[1] = FRAME_BYTES;
  return Buffer.concat(Array.from({ length: FRAMES }, () => one));
}

const TEXTS = {
  ASCII: () => Buffer.alloc(LARGE_BYTES, 'The quick brown fox jumps over the lazy dog. '),
  'mixed scripts': () => Buffer.from('Grüße, 世界 😀 and some ASCII in between. '.repeat(LARGE_BYTES)).subarray(0, LARGE_BYTES),
  Greek: () => Buffer.alloc(LARGE_BYTES, 'κόσμε'.repeat(100)),
};

/** The whole characters of what was cut out of a text. */
const trimmed = (text: Buffer): Buffer => {
  let end = text.length;
  while (!isUtf8(text.subarray(0, end))) end--;
  return text.subarray(0, end);
};

export async function* websocketRows(): AsyncGenerator<Row> {
  const reading = `frame, read a text of ${FRAME_BYTES} B`;
  yield {
    subject: reading,
    by: 'C++',
    threads: 1,
    batch: 8 * FRAMES,
    prepare: () => {
      const stream = frames();
      return (n) => timeWebSocketReads(stream, Math.ceil(n / FRAMES)) / FRAMES;
    },
  };
  yield {
    subject: reading,
    by: 'ws',
    threads: 1,
    batch: FRAMES,
    prepare: () => {
      const stream = frames();
      const receiver = new Receiver({ isServer: false });
      receiver.on('message', (data: Buffer) => (sink.value += data.length));
      return (n) => {
        for (let left = n; left > 0; left -= FRAMES) receiver.write(stream);
        return undefined;
      };
    },
  };

  const masking = 'frame, mask 64 KiB';
  yield {
    subject: masking,
    by: 'C++',
    threads: 1,
    prepare: () => {
      const payload = Buffer.alloc(LARGE_BYTES, 'a');
      return (n) => timeWebSocketMasking(payload, n);
    },
  };
  yield {
    subject: masking,
    by: 'ws',
    threads: 1,
    prepare: () => {
      const payload = Buffer.alloc(LARGE_BYTES, 'a');
      return (n) => {
        for (let i = 0; i < n; i++) sink.value += Sender.frame(payload, { fin: true, opcode: 2, mask: true, readOnly: false, rsv1: false }).length;
        return undefined;
      };
    },
  };

  for (const [name, make] of Object.entries(TEXTS)) {
    const subject = `frame, validate 64 KiB of ${name}`;
    yield {
      subject,
      by: 'C++',
      threads: 1,
      prepare: () => {
        const text = trimmed(make());
        return (n) => timeUtf8(text, n);
      },
    };
    yield {
      subject,
      by: 'node:buffer',
      threads: 1,
      prepare: () => {
        const text = trimmed(make());
        return (n) => {
          for (let i = 0; i < n; i++) sink.value += isUtf8(text) ? 1 : 0;
          return undefined;
        };
      },
    };
  }
}
