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
  type SectionName,
} from '../binding/abi.ts';

/** Field access to a compiled image, for `config dump` and tests. Checks the header only: the engine checks the rest. */
export class ImageReader {
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly index: Uint32Array;
  readonly hash: string;
  readonly #image: ArrayBuffer;
  readonly #sections = new Map<SectionName, { offset: number; count: number }>();

  constructor(image: ArrayBuffer) {
    const headerWords = IMAGE_HEADER_WORDS + 2 * SECTIONS.length;
    if (image.byteLength < headerWords * 4) throw new RangeError('too short to be a Millrace image');
    const header = new Uint32Array(image, 0, headerWords);
    if (header[0] !== IMAGE_MAGIC) throw new RangeError('not a Millrace image');
    if (header[1] !== IMAGE_VERSION) throw new RangeError(`image version ${header[1]}, expected ${IMAGE_VERSION}`);
    if (header[2] !== image.byteLength || header[3] !== SECTIONS.length)
      throw new RangeError('the image is cut short or of another build');
    this.#image = image;
    for (const [i, section] of SECTIONS.entries()) {
      this.#sections.set(section, {
        offset: header[IMAGE_HEADER_WORDS + 2 * i] ?? 0,
        count: header[IMAGE_HEADER_WORDS + 2 * i + 1] ?? 0,
      });
    }
    this.bytes = new Uint8Array(image, this.#section('BYTES').offset, this.#section('BYTES').count);
    this.u16 = new Uint16Array(image, this.#section('U16').offset, this.#section('U16').count);
    this.index = new Uint32Array(image, this.#section('INDEX').offset, this.#section('INDEX').count);
    this.hash = (header[5] ?? 0).toString(16).padStart(8, '0') + (header[4] ?? 0).toString(16).padStart(8, '0');
  }

  count(record: RecordName): number {
    return this.#section(record).count;
  }

  /** Bytes of a section, for `config dump --sizes` and tests. */
  sectionBytes(section: SectionName): number {
    const elementBytes =
      section in PLAIN_SECTION_BYTES
        ? PLAIN_SECTION_BYTES[section as keyof typeof PLAIN_SECTION_BYTES]
        : RECORDS[section as RecordName].length * 4;
    return this.#section(section).count * elementBytes;
  }

  row<R extends RecordName>(record: R, row: number): RecordFields<R> {
    const { offset, count } = this.#section(record);
    if (row < 0 || row >= count) throw new RangeError(`${record} ${row} of ${count}`);
    const fields = RECORDS[record];
    const words = new Uint32Array(this.#image, offset + row * fields.length * 4, fields.length);
    return Object.fromEntries(fields.map((field, i) => [field, words[i]])) as RecordFields<R>;
  }

  rows<R extends RecordName>(record: R, start = 0, count = this.count(record) - start): RecordFields<R>[] {
    return Array.from({ length: count }, (_, i) => this.row(record, start + i));
  }

  slice(offset: number, length: number): Uint8Array {
    if (offset + length > this.bytes.length) throw new RangeError(`BYTES ${offset}+${length} of ${this.bytes.length}`);
    return this.bytes.subarray(offset, offset + length);
  }

  /** A string; null when it is not set. */
  text(offset: number, length: number): string | null {
    return offset === NONE ? null : new TextDecoder().decode(this.slice(offset, length));
  }

  /** The name of a record that has one. */
  nameOf(row: { nameOffset: number; nameLength: number }): string {
    return this.text(row.nameOffset, row.nameLength) ?? '';
  }

  #section(name: SectionName): { offset: number; count: number } {
    return this.#sections.get(name) ?? { offset: 0, count: 0 };
  }
}
