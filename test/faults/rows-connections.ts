/** Faults of connections to one endpoint of three. */
import type { Behaviour } from './endpoint.ts';
import { AVOIDED, type Row } from './row.ts';

const behaving = (mode: (Behaviour & { percent?: never })['mode']): Pick<Row, 'begin' | 'end'> => ({
  begin: ({ faulty }) => faulty.behave({ mode } as Behaviour),
  end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
});

export const CONNECTIONS: readonly Row[] = [
  { name: 'RST before the answer', ...behaving('resetBefore'), bounds: AVOIDED },
  // What the client has is no whole answer, and cannot be asked for again.
  { name: 'RST inside the answer', ...behaving('resetInside'), bounds: { ...AVOIDED, failed: 150, cut: 150, flags: ['UC'] } },
  { name: 'RST after the answer', ...behaving('resetAfter'), bounds: {} },
  { name: 'FIN instead of the answer, and goes on reading (half-close)', ...behaving('halfClose'), bounds: AVOIDED },
  { name: 'connections refused', ...behaving('refuse'), bounds: AVOIDED },
  {
    name: 'connects unanswered: blackhole (listen queue full)',
    begin: ({ faulty }) => faulty.blackhole(),
    end: ({ faulty }) => faulty.thaw(),
    bounds: AVOIDED,
  },
  {
    name: 'frozen (SIGSTOP): connections stay, nothing answers',
    begin: ({ faulty }) => faulty.freeze(),
    end: ({ faulty }) => faulty.thaw(),
    bounds: AVOIDED,
  },
  {
    name: 'killed (SIGKILL), started again later',
    begin: ({ faulty }) => faulty.kill(),
    end: ({ faulty }) => faulty.restart(),
    bounds: AVOIDED,
  },
  {
    name: 'restarted (SIGTERM, then at once another process)',
    begin: async ({ faulty }) => {
      await faulty.kill('SIGTERM');
      await faulty.restart();
    },
    bounds: {},
  },
  { name: 'down and up every second (flapping)', ...behaving('flap'), bounds: AVOIDED },
];
