/**
 * The two messages of grpc.health.v1 (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), and the frame around them:
 *
 *   HealthCheckRequest  { string service = 1; }
 *   HealthCheckResponse { ServingStatus status = 1; }
 *
 *   frame: u8 compressed | u32 length, big-endian | message
 */

export const SERVING_STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
const FRAME_HEAD = 5;
/** The answer is two bytes; fields that we do not know may be added one day. */
export const MAX_MESSAGE_BYTES = 4 * 1024;

export function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a), varint(name.length), name]);
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.of(...bytes, value);
}

/** The status of the one framed message that `bytes` must be: its number, or what is wrong with it. */
export function decodeResponse(bytes: Uint8Array): { status: number } | { wrong: string } {
  if (bytes.length < FRAME_HEAD) return { wrong: bytes.length === 0 ? 'no message' : 'the message is cut off' };
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (frame[0] !== 0) return { wrong: 'the message is compressed, which was not asked for' };
  const length = frame.readUInt32BE(1);
  if (length > MAX_MESSAGE_BYTES) return { wrong: `the message is longer than ${MAX_MESSAGE_BYTES} bytes` };
  if (frame.length < FRAME_HEAD + length) return { wrong: 'the message is cut off' };
  if (frame.length > FRAME_HEAD + length) return { wrong: 'there is more than one message' };
  return decodeStatus(frame.subarray(FRAME_HEAD));
}

/** Unknown fields are skipped, as protobuf wants it; the last `status` counts. */
function decodeStatus(message: Buffer): { status: number } | { wrong: string } {
  const wrong = { wrong: 'the message is no valid protobuf' };
  let at = 0;
  let status = 0;
  /** At most ten bytes, 64 bits; what does not fit a double exactly is nothing that we look for. */
  const readVarint = (): number | null => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = message[at++];
      if (byte === undefined) return null;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < message.length) {
    const tag = readVarint();
    if (tag === null || tag < 8 || tag > 0xffff_ffff) return wrong;
    const wireType = tag & 7;
    if (tag >>> 3 === 1 && wireType !== 0) return wrong;
    if (wireType === 0) {
      const value = readVarint();
      if (value === null) return wrong;
      if (tag >>> 3 === 1) status = value;
    } else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = readVarint();
      if (length === null) return wrong;
      at += length;
    } else return wrong;
    if (at > message.length) return wrong;
  }
  return { status };
}
