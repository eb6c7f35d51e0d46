/** What both sides of the proxy know of a request: its id and a size say which bytes the answer has. */
import { createHash } from 'node:crypto';

export function content(id, size) {
  const unit = `${id}.`;
  return unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
}

export const hash = (text) => createHash('sha256').update(text, 'latin1').digest('hex');

/** Milliseconds of the clock that all processes of a machine share, and that no step of the wall clock moves. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;
