/**
 * The response parser against Node's own HTTP client on generated answers, right ones and wrong ones: both must accept the same,
 * read the same out of it and agree on whether the connection may serve again; or a row of `response-differences.ts` says why not.
 * MILLRACE_DIFFERENTIAL_MESSAGES and MILLRACE_DIFFERENTIAL_SEED make longer and other runs.
 */
import { expect, it } from 'vitest';
import { parseResponse } from '../../../src/binding/messages.ts';
import { Draw } from './draw.ts';
import { DIFFERENCES } from './response-differences.ts';
import { makeResponse, type ResponseMessage } from './response-messages.ts';
import { readWithNode } from './wire.ts';

const MESSAGES = Number(process.env['MILLRACE_DIFFERENTIAL_MESSAGES'] ?? 6_000);
const SEED = Number(process.env['MILLRACE_DIFFERENTIAL_SEED'] ?? 1);

async function compare(message: ResponseMessage): Promise<{ kind: string; difference?: string }> {
  const bytes = Buffer.from(message.text, 'latin1');
  const ours = parseResponse(bytes, message);
  // What comes after the message is not the client's to judge: the proxy never reads it as an answer.
  const read = bytes.subarray(0, ours.done ? bytes.length - ours.rest : bytes.length);
  const node = await readWithNode({ bytes: read, ends: message.ends.filter((end) => end < read.length), closed: message.closed }, message);

  const kind = ours.error !== undefined && !ours.truncated ? 'refused' : ours.truncated ? 'truncated' : ours.done ? 'answer' : 'open';
  const told = JSON.stringify({ message, ours, node }, null, 1);
  if (kind === 'answer' && node.kind === 'answer') {
    // What both accept, both must read alike: nothing explains a difference here.
    expect([ours.status, ours.statusLine?.slice(4), ours.fields, ours.body, ours.interim], told).toEqual([node.status, node.reason, node.fields, node.body, node.interim]);
    if (message.closed || ours.persistent === node.reusable) return { kind };
  } else if (kind === node.kind) {
    return { kind };
  }
  const row = DIFFERENCES.find(({ holds }) => holds(ours, node, message));
  if (row === undefined) throw new Error(`a difference without an explanation (${kind} here, ${node.kind} there): ${told}`);
  if (row.side === 'stricter') expect(kind, told).toBe('refused');
  if (row.name === 'the end of an incomplete head that is wrong already') {
    const whole = { ...message, text: `${message.text}\r\n\r\n` };
    if (parseResponse(Buffer.from(whole.text, 'latin1'), whole).error === undefined) await compare(whole);
  }
  return { kind, difference: row.name };
}

it('reads what Node reads, but where it is written why not', { timeout: 300_000 }, async () => {
  const seen = new Map<string, number>();
  const count = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (let i = 0; i < MESSAGES; i++) {
    const { kind, difference } = await compare(makeResponse(new Draw(SEED * 1_000_003 + i)));
    count(kind);
    if (difference !== undefined) count(difference);
  }
  if (process.env['MILLRACE_DIFFERENTIAL_SEED'] !== undefined) console.log(seen);
  // The generator must reach both sides of every rule, or agreement means little.
  for (const kind of ['answer', 'refused', 'truncated', 'open']) expect(seen.get(kind), kind).toBeGreaterThan(MESSAGES / 50);
});
