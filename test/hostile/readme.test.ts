/**
 * README.md of this directory is printed from the tables of cases, so that it cannot go stale. After a change of the tables:
 * `npx vitest run --config test/vitest.config.ts test/hostile/readme.test.ts -u`
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ClientCase, Group, Outcome, UpstreamCase } from './cases/case.ts';
import { CLIENT_GROUPS } from './cases/client.ts';
import { GAP_RULES, type GapRule } from './cases/gaps.ts';
import { UPSTREAM_GROUPS } from './cases/upstream.ts';
import { WEBSOCKET_OVERVIEW, WEBSOCKET_TABLES } from './websocket-readme.ts';

/** What the gaps were seen with: another version needs another look. */
const LISTENER = (JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { dependencies: Record<string, string> }).dependencies['uWebSockets.js']?.replace(/.*@/, '') ?? '';

type AnyCase = ClientCase | UpstreamCase;

const ALL: readonly AnyCase[] = [...CLIENT_GROUPS, ...UPSTREAM_GROUPS].flatMap((group): readonly AnyCase[] => group.cases);

/** For a cell of a table. */
const cell = (text: string): string => text.replace(/[\x00-\x1f\x7f-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).replaceAll('|', '\\|').replace(/[<>*_`]/g, '\\$&');
const outcomes = (list: readonly Outcome[]): string => [...new Set(list)].sort((a, b) => String(a).localeCompare(String(b))).join(', ');

/** "9112 6.3(3)" and the like, without the reports. */
function sections(group: Group<AnyCase>): string {
  const found = group.cases.flatMap(({ rfc }) => [...rfc.matchAll(/RFC ?(\d+) ([^;]*)/g)].flatMap(([, number = '', list = '']) => list.split(',').map((part) => `${number} ${/^\s*(App\. \S+|[\d.]+)/.exec(part)?.[1] ?? ''}`.trim())));
  const byNumber = new Map<string, Set<string>>();
  for (const each of found) {
    const [number = '', ...section] = each.split(' ');
    byNumber.set(number, (byNumber.get(number) ?? new Set()).add(section.join(' ')));
  }
  return [...byNumber].map(([number, list]) => `RFC ${number}${[...list].filter((each) => each !== '').map((each) => ` §${each.replace(/\.$/, '')}`).join(',')}`).join('; ');
}

function overview(groups: readonly Group<AnyCase>[]): string {
  const rows = groups.map((group) => `| [${group.title}](#${anchor(group)}) | ${group.cases.length} | ${group.cases.filter(({ gap }) => gap !== undefined).length} | ${sections(group)} | ${group.about}${group.reasons === undefined ? '' : ` Counted as ${group.reasons.map((reason) => `\`${reason}\``).join(', ')}.`} |`);
  return ['| group | cases | gaps | sections | what is done |', '|---|---|---|---|---|', ...rows].join('\n');
}

const sides = new Map<Group<AnyCase>, string>([...CLIENT_GROUPS.map((group) => [group, 'client'] as const), ...UPSTREAM_GROUPS.map((group) => [group, 'upstream'] as const)]);
const heading = (group: Group<AnyCase>): string => `${group.title} (${sides.get(group) ?? ''})`;
const anchor = (group: Group<AnyCase>): string => heading(group).toLowerCase().replace(/[^a-z0-9 -]/g, '').replaceAll(' ', '-');

function table(group: Group<AnyCase>): string {
  const rows = group.cases.map(({ id, name, rfc, allow, gap }) => `| ${id} | ${cell(name)} | ${cell(rfc)} | ${outcomes(allow)} | ${gap === undefined ? '' : `${gap.rule}: ${outcomes(gap.today)}`} |`);
  return [`### ${heading(group)}`, '', '| id | case | source | allowed | gap, and what happens today |', '|---|---|---|---|---|', ...rows].join('\n');
}

function gaps(): string {
  const rows = (Object.entries(GAP_RULES) as [GapRule, string][]).map(([rule, why]) => `| ${rule} | ${cell(why)} | ${ALL.filter(({ gap }) => gap?.rule === rule).map(({ id }) => id).join(', ')} |`);
  return [`| rule | what uWebSockets.js ${LISTENER} does | cases |`, '|---|---|---|', ...rows].join('\n');
}

const README = `# Hostile messages

Printed by readme.test.ts from the tables under cases/; edit those, not this.

${ALL.length} messages that try to be two messages, to break a parser, or to get past a rule: ${CLIENT_GROUPS.flatMap((group) => group.cases).length} that a client sends and ${UPSTREAM_GROUPS.flatMap((group) => group.cases).length} that an upstream answers.
Each is sent whole, byte by byte, and cut in every line end (those of clients also over TLS), through the real proxy, between a raw client and a raw upstream. Then

- the first final status, or how the connection ended without one, must be one of those allowed (\`close\`: closed without an answer; \`silence\`: it waits for more, until a timer ends it; \`abort\`: broken off before the end of the answer);
- no more whole requests may have reached the upstream than the case allows, none of them smuggled, and what did reach it must have the body, target and fields that the case says;
- a refusal ends the connection, and the client sees no other answer behind it;
- an honest request on a new connection, and one on the same connection where it is still open, must get its own answer;
- on the upstream's side no byte of what lies behind an answer may reach this client or the next, and the connection serves again only where it may.

| file | what it runs |
|---|---|
| client-side.test.ts | all cases of clients; those that leave something behind a chunked body, again behind a trusted hop |
| upstream-side.test.ts | all cases of upstreams |
| bytes.test.ts | each of the 256 byte values at 12 places of a request and 11 of an answer |
| refusals.test.ts | one count under the right reason for each refusal by the engine, and a line in the log; what waits is ended |
| limits.test.ts | the limits of a head, one byte or one line below, at and above |
| faults.test.ts | peers that vanish, burst, and close at the worst moment |
| slow.test.ts | heads, bodies and readers that are as slow as they can be |
| websocket-client.test.ts, websocket-upstream.test.ts | [WebSocket](#websocket) frames from either end |
| mixed.test.ts | all cases at random among honest requests; memory and descriptors afterwards |

## What clients send

${overview(CLIENT_GROUPS)}

## What upstreams answer

${overview(UPSTREAM_GROUPS)}

## Known gaps

The listener is uWebSockets.js ${LISTENER}, whose parser is lenient, and refuses some things itself: with its own page, without our counter and our log line.
What it does before anyone else sees a byte cannot be undone behind it. None of it crashes, and what goes upstream has framing of our own in every case.
A request with a chunked body is the last of its connection (unless \`keepAliveAfterChunked\` says otherwise, and always behind a trusted hop, where one connection carries many users), so that what the lenient reader of chunks leaves behind is nobody's request. Only \`emptyName\` is out of reach:
a length that is hidden behind a field without a name makes a body look like a next request, so the hop in front must refuse such fields.

${gaps()}

## WebSocket

${WEBSOCKET_OVERVIEW}

## All cases

${[...CLIENT_GROUPS, ...UPSTREAM_GROUPS].map((group) => table(group)).join('\n\n')}

${WEBSOCKET_TABLES}
`;

it('README.md is what the tables say', async () => {
  await expect(README).toMatchFileSnapshot('README.md');
});

it('no number is used twice', () => {
  const ids = ALL.map(({ id }) => id);
  expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
});

it('every gap is one that a case has', () => {
  expect(Object.keys(GAP_RULES).filter((rule) => !ALL.some(({ gap }) => gap?.rule === rule))).toEqual([]);
});
