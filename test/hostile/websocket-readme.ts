/** What README.md says about WebSocket, printed from the tables. */
import { CODES_TOLD, GAPS_OF_PROXY } from './cases/websocket-gaps.ts';
import { WEBSOCKET_CLIENT_CASES, WEBSOCKET_GROUPS, WEBSOCKET_UPSTREAM_CASES, webSocketGroupOf, type WebSocketCase } from './cases/websocket.ts';
import { FAREWELL, type Gap } from './websocket-exam.ts';

const sectionsOf = (cases: readonly WebSocketCase[]): string => [...new Set(cases.map(({ rfc }) => rfc))].sort().map((section) => `§${section}`).join(', ');
const inGroup = (group: string): WebSocketCase[] => WEBSOCKET_CLIENT_CASES.filter((item) => webSocketGroupOf(item) === group);
const wanted = ({ fails, closes }: WebSocketCase): string => (fails !== undefined ? `fails with ${fails}` : closes !== undefined ? `closed with ${closes === 1005 ? 'no code' : closes}` : 'echoed or answered');

function today({ end }: Gap): string {
  if (end === 'end') return 'end of the connection without a close frame';
  return end === 'open' ? 'taken' : `closed with ${end === 1005 ? 'no code' : end}`;
}

function overview(): string {
  const rows = Object.entries(WEBSOCKET_GROUPS).map(([group, title]) => {
    const cases = inGroup(group);
    return `| ${group} | ${title} | ${cases.length} | ${cases.filter(({ id }) => GAPS_OF_PROXY[id] !== undefined).length} | ${sectionsOf(cases)} |`;
  });
  return ['| group | about | cases | gaps of the listener | RFC 6455 |', '|---|---|---|---|---|', ...rows].join('\n');
}

function gaps(): string {
  const byReason = new Map<string, { gap: Gap; ids: string[] }>();
  for (const [id, gap] of Object.entries(GAPS_OF_PROXY)) {
    const key = `${gap.why} ${gap.end}`;
    byReason.set(key, { gap, ids: [...(byReason.get(key)?.ids ?? []), id] });
  }
  const rows = [...byReason.values()].map(({ gap, ids }) => `| ${gap.why} | ${today(gap)} | ${ids.length > 40 ? `${ids.length} cases: all others that must fail` : ids.join(', ')} |`);
  return ['| what it does | the client sees | cases |', '|---|---|---|', ...rows].join('\n');
}

const table = (group: string, title: string): string => [
  `### WebSocket ${group}: ${title}`,
  '',
  '| id | what is sent | RFC 6455 | what must come of it | and comes of it, from a client |',
  '|---|---|---|---|---|',
  ...inGroup(group).map((item) => {
    const gap = GAPS_OF_PROXY[item.id];
    return `| ${item.id} | ${item.name} | §${item.rfc} | ${wanted(item)} | ${gap === undefined ? '' : today(gap)} |`;
  }),
].join('\n');

export const WEBSOCKET_OVERVIEW = `${WEBSOCKET_CLIENT_CASES.length} cases for each end of a WebSocket after the groups of the Autobahn testsuite, whose numbers they carry as far as it has them ("M" and group 8 are our own);
its fuzzing client, which needs Python 2, is not run itself. websocket-client.test.ts sends them as a client to the proxy, behind which an upstream echoes; websocket-upstream.test.ts
sends ${WEBSOCKET_UPSTREAM_CASES.length === WEBSOCKET_CLIENT_CASES.length ? 'the same' : WEBSOCKET_UPSTREAM_CASES.length} as an upstream to the proxy, behind which a client echoes. Each is sent whole and byte by byte, and each to \`ws\` alone as well, which says whether the table is right.
A case ends well with a close frame ${FAREWELL.code} of its own; what the other side of the proxy is told is compared, too. Groups 12 and 13 are about permessage-deflate, which is not negotiated, whatever is offered.

${overview()}

From an upstream, every case comes out as it must: it is told the code with a close frame, and the client 1014 (1009 for a message that is too large). From a client, frames are read by the listener, which has these gaps.
The upstream is told the code that the case asks for in all of them that fail (${Object.entries(CODES_TOLD).map(([id, code]) => `but ${code} in ${id}`).join(', ')}), no code where the client was told none, and gets nothing but valid frames.

${gaps()}`;

export const WEBSOCKET_TABLES = Object.entries(WEBSOCKET_GROUPS).map(([group, title]) => table(group, title)).join('\n\n');
