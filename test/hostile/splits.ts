/** The same bytes in different packets: every state of a parser must survive the end of a packet. */
export const SPLITS: Readonly<Record<string, (bytes: Buffer) => Buffer[]>> = {
  whole: (bytes) => [bytes],
  // Long runs of one byte teach nothing after the first hundreds.
  'byte by byte': (bytes) => cut(bytes, Array.from({ length: Math.min(bytes.length, 600) }, (_, i) => i)),
  'cut in every CRLF': (bytes) => cut(bytes, [...bytes.toString('latin1').matchAll(/\r(?=\n)/g)].slice(0, 300).map(({ index }) => index + 1)),
};

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const marks = [...new Set([0, ...at, bytes.length])];
  return marks.slice(1).map((end, i) => bytes.subarray(marks[i], end));
}

/** One packet per turn of the loop, as far as the kernel plays along. */
export async function sendPieces(write: (piece: Buffer) => void, pieces: readonly Buffer[], goOn: () => boolean): Promise<void> {
  for (const piece of pieces) {
    if (!goOn()) return;
    write(piece);
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
}
