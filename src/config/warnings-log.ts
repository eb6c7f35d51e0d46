import { list, mapping, type Report } from './raw.ts';
import type { Path } from './source.ts';
import type { AccessLogConfig } from './types-log.ts';

/** Headers that hold what a log is not for. */
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization', 'x-api-key'];

export function checkAccessLogWarnings(sinks: readonly AccessLogConfig[], root: unknown, warn: Report): void {
  const written = mapping(root)['accessLog'];
  for (const [i, sink] of sinks.entries()) {
    const path: Path = Array.isArray(written) ? ['accessLog', i] : ['accessLog'];
    const tree = mapping(Array.isArray(written) ? list(written)[i] : written);
    const { format, requestHeaders } = sink;
    if (list(tree['requestHeaders']).length > 0) {
      if (format.kind === 'text') warn([...path, 'requestHeaders'], '"requestHeaders" is for JSON lines', 'write %REQ(name)% into the template', 'key');
      else if (!format.fields.includes('requestHeaders')) warn([...path, 'requestHeaders'], '"requestHeaders" is not among the fields of the line', 'add requestHeaders to them', 'key');
    }
    for (const name of requestHeaders) {
      if (CREDENTIALS.includes(name)) warn([...path], `the access log will hold credentials: ${name} is among its request headers`);
    }
    if (sink.sample === 0 && !sink.sampleFailed) warn([...path, 'sample'], 'this sink takes no request at all', 'remove it, or let sampleFailed be true: then it takes the failed ones');
  }
}
