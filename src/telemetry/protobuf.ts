/**
 * Just enough of the protobuf wire format to write messages: fields in any order, each with a tag (number << 3 | type), then a
 * varint, eight bytes, or a length and so many bytes. https://protobuf.dev/programming-guides/encoding/
 */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIRST_CAPACITY = 256;

export class ProtobufMessage {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** uint32, uint64, enumerations: whole, from 0 to 2^53. */
  uint(field: number, value: number): this {
    this.#tag(field, VARINT);
    this.#varint(value);
    return this;
  }

  /** sint32, sint64: zigzag, magnitude up to 2^52. */
  sint(field: number, value: number): this {
    return this.uint(field, zigzag(value));
  }

  double(field: number, value: number): this {
    this.#tag(field, FIXED64);
    this.#reserve(8);
    this.#bytes.writeDoubleLE(value, this.#length);
    this.#length += 8;
    return this;
  }

  string(field: number, text: string): this {
    this.#tag(field, LENGTH);
    const length = Buffer.byteLength(text);
    this.#varint(length);
    this.#reserve(length);
    this.#length += this.#bytes.write(text, this.#length);
    return this;
  }

  message(field: number, message: ProtobufMessage): this {
    return this.nested(field, message.#length).append(message);
  }

  /** Begins a message of `length` bytes: the fields that make up as many follow. Spares small ones an object. */
  nested(field: number, length: number): this {
    this.#tag(field, LENGTH);
    this.#varint(length);
    return this;
  }

  /** A number without a tag: the length of an item of a stream of messages. */
  varint(value: number): this {
    this.#varint(value);
    return this;
  }

  /** The fields of another message, as if they were written here. */
  append(message: ProtobufMessage): this {
    this.#reserve(message.#length);
    message.#bytes.copy(this.#bytes, this.#length, 0, message.#length);
    this.#length += message.#length;
    return this;
  }

  /** Empty again, to be reused. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  /** By division: shifts would cut numbers to 32 bits. */
  #varint(value: number): void {
    this.#reserve(10);
    while (value >= 0x80) {
      this.#bytes[this.#length++] = (value % 0x80) + 0x80;
      value = Math.floor(value / 0x80);
    }
    this.#bytes[this.#length++] = value;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + bytes));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

const zigzag = (value: number): number => (value >= 0 ? 2 * value : -2 * value - 1);

/** Bytes of fields with numbers below 16, for `nested`. */
export const lengthOf = {
  uint: (value: number): number => {
    let bytes = 2;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
    return bytes;
  },
  sint: (value: number): number => lengthOf.uint(zigzag(value)),
  double: 9,
};
