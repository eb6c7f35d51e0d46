import { LIMITS } from '../binding/abi.ts';
import { excluding, mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';

type Mapping = Record<string, unknown>;

/** Rules within an answer that the proxy makes itself. */
export function checkRespond(path: Path, respond: Mapping, report: Report): void {
  excluding(path, respond, ['body', 'bodyFile'], report);
  checkFoldedKeys([...path, 'headers'], mapping(respond['headers']), report);
  const { status, body } = respond;
  if (typeof body === 'string' && Buffer.byteLength(body) > LIMITS.maxRespondBodyBytes)
    report([...path, 'body'], `the body has more than ${LIMITS.maxRespondBodyBytes} bytes`);
  const hasBody = (respond['body'] ?? '') !== '' || respond['bodyFile'] !== undefined;
  if (hasBody && (status === 204 || status === 205 || status === 304))
    report([...path, 'status'], `an answer with status ${status} has no body`);
}

/** Header names that differ in case only are one header: one of the two values would be lost. */
export function checkFoldedKeys(path: Path, headers: Mapping, report: Report): void {
  const seen = new Map<string, string>();
  for (const name of Object.keys(headers)) {
    const folded = name.toLowerCase();
    const earlier = seen.get(folded);
    if (earlier === undefined) seen.set(folded, name);
    else report([...path, name], `"${name}" is the same header as "${earlier}"`, undefined, 'key');
  }
}
