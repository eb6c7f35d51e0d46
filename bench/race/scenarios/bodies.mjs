import { bandwidth } from './goals.mjs';
import { API_HEADERS } from './requests.mjs';

const SIZES = [
  { name: '10 KiB', id: '10k', bytes: 10 * 1024, connections: 64 },
  { name: '100 KiB', id: '100k', bytes: 100 * 1024, connections: 32 },
  { name: '1 MiB', id: '1m', bytes: 2 ** 20, connections: 16 },
  { name: '64 MiB', id: '64m', bytes: 64 * 2 ** 20, connections: 4 },
];
/** From here on HAProxy has larger buffers (configs/haproxy.cfg). */
const LARGE = 2 ** 20;

/** Rate and CPU count requests by the bytes that moved, so that a 64 MiB body under way at the end of a run is not lost. */
function down({ name, id, bytes, connections }) {
  return {
    id: `down-${id}`,
    title: `${name} answered`,
    what: `GET with six header lines, ${name} answered with a Content-Length, ${connections} connections that stay`,
    unit: 'requests/s',
    primary: 'gbps',
    features: { large: bytes >= LARGE },
    load: { path: `/?size=${bytes}`, connections, headers: API_HEADERS, expectBody: bytes },
    bytes: { direction: 'in', each: bytes },
    goals: [bandwidth(1)],
  };
}

function up({ name, id, bytes, connections }) {
  return {
    id: `up-${id}`,
    title: `${name} sent`,
    what: `POST of ${name} with a Content-Length and six header lines, 64 bytes answered, ${connections} connections that stay`,
    unit: 'requests/s',
    primary: 'gbps',
    features: { large: bytes >= LARGE },
    load: { method: 'POST', body: bytes, connections, headers: [...API_HEADERS, ['content-type', 'application/octet-stream']], expectBody: 64 },
    bytes: { direction: 'out', each: bytes },
    goals: [bandwidth(1)],
  };
}

export const bodies = [...SIZES.map(down), ...SIZES.map(up)];
