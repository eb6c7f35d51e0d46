/** Faults of connections to one endpoint of three. */
import type { Behaviour } from './endpoint.ts';
import type { Row } from './row.ts';

const behaving = (mode: (Behaviour & { percent?: never })['mode']): Pick<Row, 'begin' | 'end'> => ({
  begin: ({ faulty }) => faulty.behave({ mode } as Behaviour),
  end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
});

export const CONNECTIONS: readonly Row[] = [
  { name: 'RST before the answer', ...behaving('resetBefore'), bounds: {} },
  // What the client has is no whole answer, and cannot be asked for again.
  { name: 'RST inside the answer', ...behaving('resetInside'), bounds: { failed: Infinity, cut: Infinity, flags: ['UC'] } },
  { name: 'RST after the answer', ...behaving('resetAfter'), bounds: {} },
  { name: 'FIN instead of the answer, and goes on reading (half-close)', ...behaving('halfClose'), bounds: {} },
  { name: 'connections refused', ...behaving('refuse'), bounds: {} },
  {
    name: 'connects unanswered: blackhole (listen queue full)',
    begin: ({ faulty }) => faulty.blackhole(),
    end: ({ faulty }) => faulty.thaw(),
    bounds: { failed: Infinity },
  },
  {
    name: 'frozen (SIGSTOP): connections stay, nothing answers',
    route: { timeout: '1s' },
    begin: ({ faulty }) => faulty.freeze(),
    end: ({ faulty }) => faulty.thaw(),
    bounds: { failed: Infinity, flags: ['UT'] },
  },
  {
    name: 'killed (SIGKILL), started again later',
    begin: ({ faulty }) => faulty.kill(),
    end: ({ faulty }) => faulty.restart(),
    bounds: {},
  },
  {
    name: 'restarted (SIGTERM, then at once another process)',
    begin: async ({ faulty }) => {
      await faulty.kill('SIGTERM');
      await faulty.restart();
    },
    bounds: {},
  },
  { name: 'down and up every second (flapping)', ...behaving('flap'), bounds: {} },
];
