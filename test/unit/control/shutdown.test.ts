import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { onSignals } from '../../../src/control/shutdown.ts';

it('signals reload, then drain, then stop at once', () => {
  const source = new EventEmitter();
  const seen: string[] = [];
  const undo = onSignals({ reload: () => seen.push('reload'), reopenLogs: () => seen.push('reopen'), drain: (signal) => seen.push(`drain ${signal}`), stopNow: (signal) => seen.push(`stop ${signal}`) }, source);
  source.emit('SIGHUP');
  source.emit('SIGTERM', 'SIGTERM');
  source.emit('SIGHUP');
  source.emit('SIGUSR1');
  source.emit('SIGINT', 'SIGINT');
  undo();
  source.emit('SIGHUP');
  source.emit('SIGUSR1');
  expect(seen).toEqual(['reload', 'drain SIGTERM', 'reload', 'reopen', 'stop SIGINT']);
});
