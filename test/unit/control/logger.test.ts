import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/core/logger.ts';

function logged(pretty: boolean, use: (log: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  use(createLogger({ pretty, destination: { write: (line) => void (text += line) } }));
  return text;
}

describe('a log line', () => {
  it('is JSON with a level name and a time for machines', () => {
    expect(JSON.parse(logged(false, (log) => log.warn({ port: 80 }, 'hello')))).toEqual({
      level: 'warn', time: expect.stringMatching(/^\d{4}-.*Z$/) as string, port: 80, msg: 'hello',
    });
  });

  it('is one readable line for people', () => {
    expect(logged(true, (log) => log.info({ port: 80, name: 'my web' }, 'hello'))).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO  hello port=80 name="my web"\n$/);
  });

  it('ends with the stack of an error', () => {
    expect(logged(true, (log) => log.error({ err: new Error('oops') }, 'failed'))).toMatch(/ERROR failed\nError: oops\n {4}at /);
  });

  it('below the level is not written, and the level can be changed', () => {
    expect(logged(false, (log) => log.debug('no'))).toBe('');
    expect(logged(false, (log) => {
      log.level = 'debug';
      log.debug('yes');
    })).toContain('yes');
  });
});
