/** Faults of what one endpoint of three answers. */
import type { Row, Scene } from './row.ts';

const NORMAL_MS = 10;
const recovers = { end: ({ faulty }: Scene) => faulty.behave({ mode: 'ok' }) };

export const ANSWERS: readonly Row[] = [
  {
    name: 'accepts and never answers',
    route: { timeout: '1s' },
    begin: ({ faulty }) => faulty.behave({ mode: 'hang' }),
    ...recovers,
    bounds: { failed: Infinity, flags: ['UT'] },
  },
  {
    name: 'one byte a second',
    route: { timeout: '1s' },
    begin: ({ faulty }) => faulty.behave({ mode: 'drip' }),
    ...recovers,
    bounds: { failed: Infinity, flags: ['UT'] },
  },
  {
    name: 'no HTTP but other bytes',
    begin: ({ faulty }) => faulty.behave({ mode: 'garbage' }),
    ...recovers,
    bounds: { failed: Infinity, flags: ['UPE'] },
  },
  {
    name: '500 to everything, passed on',
    begin: ({ faulty }) => faulty.behave({ mode: 'fail' }),
    ...recovers,
    bounds: { failed: Infinity, flags: ['5xx'] },
  },
  {
    name: '1 % errors',
    begin: ({ faulty }) => faulty.behave({ mode: 'failPercent', percent: 1 }),
    ...recovers,
    bounds: { failed: Infinity, flags: ['5xx'] },
  },
  {
    name: 'ten times slower',
    begin: async ({ endpoints, faulty }) => {
      for (const endpoint of endpoints) await endpoint.behave({ mode: 'ok', delayMs: endpoint === faulty ? NORMAL_MS * 10 : NORMAL_MS });
    },
    end: async ({ endpoints }) => {
      for (const endpoint of endpoints) await endpoint.behave({ mode: 'ok', delayMs: NORMAL_MS });
    },
    bounds: {},
  },
];
