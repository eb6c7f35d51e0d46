/** The way in. */
import { text, TEXT_TYPE } from '../answer.ts';
import { operation, type Operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';

export const ROOT = [
  operation({
    method: 'GET',
    path: '/',
    summary: 'this list',
    access: 'open',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'every operation, one per line', types: [TEXT_TYPE] }],
    handle: ({ admin }) => text(200, listText(admin.operations)),
  }),
];

function listText(operations: readonly Operation[]): string {
  const rows = operations.map(({ method, path, summary }) => ({ name: `${method.padEnd(6)} ${path}`, summary }));
  const width = Math.max(...rows.map(({ name }) => name.length));
  return ['Millrace admin', '', ...rows.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}`), ''].join('\n');
}
