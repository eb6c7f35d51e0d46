import { NONE } from '../binding/abi.ts';
import type { ImageWriter } from './image-writer.ts';
import type { FaultConfig } from './types.ts';

/** Index of a new FAULT row, or NONE. */
export function compileFault(writer: ImageWriter, fault: FaultConfig | null): number {
  if (fault === null) return NONE;
  return writer.add('FAULT', {
    abortPerMillion: fault.abort?.perMillion ?? 0,
    abortStatus: fault.abort?.status ?? 0,
    delayPerMillion: fault.delay?.perMillion ?? 0,
    delayMs: fault.delay?.ms ?? 0,
  });
}
