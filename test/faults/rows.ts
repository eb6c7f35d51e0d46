/** The faults. */
import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  {
    name: 'an endpoint resets connections before it answers',
    begin: ({ faulty }) => faulty.behave({ mode: 'resetBefore' }),
    end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
    bounds: { failed: 0 },
  },
  {
    name: 'an endpoint resets connections inside its answers',
    begin: ({ faulty }) => faulty.behave({ mode: 'resetInside' }),
    end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
    bounds: { failed: Infinity, cut: Infinity, flags: ['UC'] },
  },
  {
    name: 'an endpoint resets connections after its answers',
    begin: ({ faulty }) => faulty.behave({ mode: 'resetAfter' }),
    end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
    bounds: { failed: 0 },
  },
  {
    name: 'an endpoint closes its side instead of answering, and goes on reading',
    begin: ({ faulty }) => faulty.behave({ mode: 'halfClose' }),
    end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
    bounds: { failed: 0 },
  },
  {
    name: 'an endpoint refuses connections',
    begin: ({ faulty }) => faulty.behave({ mode: 'refuse' }),
    end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
    bounds: { failed: 0 },
  },
  {
    name: 'an endpoint is killed, and started again',
    begin: ({ faulty }) => faulty.kill(),
    end: ({ faulty }) => faulty.restart(),
    bounds: { failed: 0 },
  },
  {
    name: 'an endpoint is restarted (SIGTERM)',
    begin: async ({ faulty }) => {
      await faulty.kill('SIGTERM');
      await faulty.restart();
    },
    bounds: { failed: 0 },
  },
  {
    name: 'an endpoint goes down and up every second',
    begin: ({ faulty }) => faulty.behave({ mode: 'flap' }),
    end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
    bounds: { failed: 0 },
  },
];
