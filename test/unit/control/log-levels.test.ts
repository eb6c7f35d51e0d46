import { describe, expect, it } from 'vitest';
import { LogLevels } from '../../../src/control/log-levels.ts';
import { createLogger } from '../../../src/core/logger.ts';

function levels(): { levels: LogLevels; told: string[]; lines: Record<string, unknown>[]; log: ReturnType<typeof createLogger> } {
  const told: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ pretty: false, destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } });
  return { levels: new LogLevels(log, (level) => (told.push(level), Promise.resolve([{ index: 0, told: true }]))), told, lines, log };
}

describe('the log level', () => {
  it('is that of the configuration, everywhere', () => {
    const { levels: log, told, log: logger } = levels();
    log.configure('warn');
    expect([log.level, log.configured, logger.level, told]).toEqual(['warn', 'warn', 'warn', ['warn']]);
  });

  it('that was set goes on while the configuration says what it said then', async () => {
    const { levels: log, told, lines } = levels();
    log.configure('info');
    expect(await log.set('debug')).toEqual({ level: 'debug', configured: 'info', workers: [{ index: 0, told: true }] });
    log.configure('info');
    expect([log.level, told]).toEqual(['debug', ['info', 'debug']]);
    log.configure('warn');
    expect([log.level, log.configured, told]).toEqual(['warn', 'warn', ['info', 'debug', 'warn']]);
    expect(lines).toMatchObject([{ level: 'warn', logLevel: 'warn', dropped: 'debug' }]);
  });

  it('that was set to what the configuration says is dropped without a word', async () => {
    const { levels: log, lines } = levels();
    log.configure('info');
    await log.set('info');
    log.configure('warn');
    expect(lines).toEqual([]);
  });
});
