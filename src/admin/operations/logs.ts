import * as z from 'zod';
import { json, problem } from '../answer.ts';
import { operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';
import { errorSchema } from './no-config.ts';

export const LOGS = [
  operation({
    method: 'POST',
    path: '/logs/reopen',
    summary: 'opens the files of the access log by their names again, after they were renamed; as SIGUSR1 does',
    access: 'change',
    query: NO_QUERY,
    body: null,
    answers: [
      { status: 200, description: 'all of them are open', schema: z.strictObject({ reopened: z.array(z.string()).describe('paths') }) },
      { status: 503, description: 'some could not be opened, or a disk hangs', schema: errorSchema },
    ],
    async handle({ view }) {
      const result = await view.accessLog.reopen();
      if (result === null) return problem(503, 'the files are not open again yet: a disk or a pipe of the access log hangs');
      if (result.failed.length !== 0)
        return problem(
          503,
          'files of the access log could not be opened again; those that were open stay in use',
          result.failed.map(({ path, error }) => ({ path, message: error })),
        );
      const sinks = view.running?.config.accessLog ?? [];
      return json(200, { reopened: sinks.filter(({ target }) => target === 'file').map(({ path }) => path) });
    },
  }),
];
