/** Faults of what one endpoint of three answers. */
import { AVOIDED, OUTLIERS, type Row, type Scene } from './row.ts';

const NORMAL_MS = 10;
const recovers = { end: ({ faulty }: Scene) => faulty.behave({ mode: 'ok' }) };

export const ANSWERS: readonly Row[] = [
  {
    name: 'accepts and never answers',
    begin: ({ faulty }) => faulty.behave({ mode: 'hang' }),
    ...recovers,
    bounds: AVOIDED,
  },
  {
    name: 'one byte a second',
    begin: ({ faulty }) => faulty.behave({ mode: 'drip' }),
    ...recovers,
    bounds: AVOIDED,
  },
  {
    name: 'no HTTP but other bytes',
    begin: ({ faulty }) => faulty.behave({ mode: 'garbage' }),
    ...recovers,
    bounds: { ...AVOIDED, failed: 150, flags: ['UPE'] },
  },
  {
    name: '500 to everything, passed on',
    begin: ({ faulty }) => faulty.behave({ mode: 'fail' }),
    ...recovers,
    bounds: { ...AVOIDED, failed: 150, flags: ['5xx'] },
  },
  {
    name: '500 to everything, tried again (retry.on: 5xx)',
    route: { retry: { on: ['5xx'] } },
    begin: ({ faulty }) => faulty.behave({ mode: 'fail' }),
    ...recovers,
    bounds: AVOIDED,
  },
  {
    name: '1 % errors',
    begin: ({ faulty }) => faulty.behave({ mode: 'failPercent', percent: 1 }),
    ...recovers,
    bounds: { failed: 150, flags: ['5xx'] },
  },
  {
    name: 'ten times slower (outlierDetection.latency)',
    cluster: { outlierDetection: { ...OUTLIERS, latency: { minRequests: 50 } } },
    begin: async ({ endpoints, faulty, load, beginsNow }) => {
      for (const endpoint of endpoints) await endpoint.behave({ mode: 'ok', delayMs: endpoint === faulty ? NORMAL_MS * 10 : NORMAL_MS });
      beginsNow();
      // Sweeps come once a second.
      await load.more(4_000);
    },
    end: async ({ endpoints }) => {
      for (const endpoint of endpoints) await endpoint.behave({ mode: 'ok', delayMs: NORMAL_MS });
    },
    bounds: { attempts: 2_000, avoidedMs: 20_000, returnedMs: 20_000 },
  },
];
