import { createHash } from 'node:crypto';
import {
  IMAGE_HEADER_WORDS,
  IMAGE_MAGIC,
  IMAGE_VERSION,
  NONE,
  PLAIN_SECTION_BYTES,
  RECORDS,
  SECTIONS,
  type RecordFields,
  type RecordName,
} from '../binding/abi.ts';

/** A typed array that doubles when it is full: amortised O(1) per value, no boxed numbers. */
class Growing<A extends Uint8Array | Uint16Array | Uint32Array> {
  #values: A;
  #length = 0;
  readonly #make: (length: number) => A;

  constructor(make: (length: number) => A) {
    this.#make = make;
    this.#values = make(1024);
  }

  get length(): number {
    return this.#length;
  }

  get values(): A {
    return this.#values.subarray(0, this.#length) as A;
  }

  push(value: number): void {
    this.#reserve(1);
    this.#values[this.#length++] = value;
  }

  append(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#values.set(values, this.#length);
    this.#length += values.length;
  }

  /** Adds `count` copies of `value`. */
  fill(count: number, value: number): void {
    this.#reserve(count);
    this.#values.fill(value, this.#length, this.#length + count);
    this.#length += count;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#values.length) return;
    const grown = this.#make(Math.max(this.#values.length * 2, this.#length + count));
    grown.set(this.#values);
    this.#values = grown;
  }
}

/** Where a string or blob lies in BYTES. */
export interface Slice {
  offset: number;
  length: number;
}

export const NO_SLICE: Slice = { offset: NONE, length: 0 };
const SECTION_ALIGNMENT = 8;
const encoder = new TextEncoder();

/** Collects the sections of an image, and lays them out at the end. */
export class ImageWriter {
  readonly bytes = new Growing((length) => new Uint8Array(length));
  readonly u16 = new Growing((length) => new Uint16Array(length));
  readonly index = new Growing((length) => new Uint32Array(length));
  readonly #records = new Map<RecordName, Growing<Uint32Array>>();
  readonly #strings = new Map<string, Slice>();

  constructor() {
    for (const name of Object.keys(RECORDS) as RecordName[])
      this.#records.set(name, new Growing((length) => new Uint32Array(length)));
  }

  /** Stores a string once, however often it is named. */
  string(text: string): Slice {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const slice = this.blob(encoder.encode(text));
    this.#strings.set(text, slice);
    return slice;
  }

  optionalString(text: string | null): Slice {
    return text === null ? NO_SLICE : this.string(text);
  }

  blob(content: Uint8Array): Slice {
    const slice = { offset: this.bytes.length, length: content.length };
    this.bytes.append(content);
    return slice;
  }

  count(record: RecordName): number {
    return this.#of(record).length / RECORDS[record].length;
  }

  /** Appends a record; returns its index. */
  add<R extends RecordName>(record: R, fields: RecordFields<R>): number {
    const words = this.#of(record);
    const index = words.length / RECORDS[record].length;
    for (const field of RECORDS[record]) words.push(fields[field as keyof RecordFields<R>]);
    return index;
  }

  /** Appends `count` records of `fill` in every word; returns the index of the first. */
  reserve(record: RecordName, count: number, fill: number): number {
    const first = this.count(record);
    this.#of(record).fill(count * RECORDS[record].length, fill);
    return first;
  }

  /** Writes over a reserved record. */
  put<R extends RecordName>(record: R, index: number, fields: RecordFields<R>): void {
    const words = this.#of(record);
    const start = index * RECORDS[record].length;
    for (const [i, field] of RECORDS[record].entries()) words.set(start + i, fields[field as keyof RecordFields<R>]);
  }

  /** The finished image and its content hash (64 bits of SHA-256 over the image with zeroes for the hash). */
  finish(): { image: ArrayBuffer; hash: string } {
    const contents = SECTIONS.map((section) => {
      const values =
        section === 'BYTES'
          ? this.bytes.values
          : section === 'U16'
            ? this.u16.values
            : section === 'INDEX'
              ? this.index.values
              : this.#of(section).values;
      const elements =
        section in PLAIN_SECTION_BYTES ? values.length : values.length / RECORDS[section as RecordName].length;
      return { values, elements };
    });
    const align = (offset: number) => Math.ceil(offset / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
    let end = align((IMAGE_HEADER_WORDS + 2 * SECTIONS.length) * 4);
    const offsets = contents.map(({ values }) => {
      const offset = end;
      end = align(end + values.byteLength);
      return offset;
    });
    // Offsets are u32 words, and NONE must stay free.
    if (end >= NONE) throw new RangeError(`the compiled image would have ${end} bytes; the limit is 4 GiB`);
    const image = new ArrayBuffer(end);
    const header = new Uint32Array(image, 0, IMAGE_HEADER_WORDS + 2 * SECTIONS.length);
    header.set([IMAGE_MAGIC, IMAGE_VERSION, end, SECTIONS.length]);
    for (const [i, { values, elements }] of contents.entries()) {
      header.set([offsets[i] ?? 0, elements], IMAGE_HEADER_WORDS + 2 * i);
      new Uint8Array(image, offsets[i] ?? 0, values.byteLength).set(
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      );
    }
    const digest = createHash('sha256').update(new Uint8Array(image)).digest();
    header[4] = digest.readUInt32LE(0);
    header[5] = digest.readUInt32LE(4);
    return { image, hash: digest.readBigUInt64LE(0).toString(16).padStart(16, '0') };
  }

  #of(record: RecordName): Growing<Uint32Array> {
    const words = this.#records.get(record);
    if (words === undefined) throw new Error(`unknown record ${record}`);
    return words;
  }
}
