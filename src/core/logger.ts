/** Logs go to stderr: JSON lines for machines, one coloured line per event when a person looks at a terminal. */
import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger, LevelWithSilent } from 'pino';

export type Logger = PinoLogger;

export interface LoggerOptions {
  level?: LevelWithSilent;
  /** Where the lines go instead of stderr. */
  destination?: DestinationStream;
  /** One readable line per event instead of JSON; default: whether stderr is a terminal. */
  pretty?: boolean;
  /** Fields of every line. */
  base?: Record<string, unknown>;
}

const STDERR_FD = 2;
const LEVEL_NAMES: Readonly<Record<number, string>> = { 10: 'TRACE', 20: 'DEBUG', 30: 'INFO', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };
const LEVEL_COLOURS: Readonly<Record<number, string>> = { 10: '90', 20: '90', 30: '32', 40: '33', 50: '31', 60: '31;1' };
const SHOWN_FIRST = new Set(['level', 'time', 'msg', 'err', 'stack']);

/** Writes are synchronous, so that no line is lost when the process ends and lines of several threads do not mix. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const pretty = options.pretty ?? (options.destination === undefined && isatty(STDERR_FD));
  const raw = options.destination ?? stderrDestination();
  const destination = pretty ? { write: (line: string) => raw.write(prettyLine(line, options.destination === undefined)) } : raw;
  return pino(
    {
      level: options.level ?? 'info',
      base: options.base ?? null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label, number) => (pretty ? { level: number } : { level: label }) },
    },
    destination,
  );
}

/** A logger that says nothing: for commands that report by other means. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}

function stderrDestination(): DestinationStream {
  try {
    fstatSync(STDERR_FD);
  } catch {
    return { write: () => undefined }; // started with stderr closed
  }
  const destination = pino.destination({ dest: STDERR_FD, sync: true });
  // A reader that went away (EPIPE) must not end the proxy.
  destination.on('error', () => undefined);
  return destination;
}

/** `12:30:01.123 INFO  message key=value …`; an error's stack follows on its own lines. */
export function prettyLine(line: string, colour: boolean): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const level = Number(record.level);
  const name = (LEVEL_NAMES[level] ?? String(record.level)).padEnd(5);
  const shownName = colour ? `\u001b[${LEVEL_COLOURS[level] ?? '0'}m${name}\u001b[0m` : name;
  const time = typeof record.time === 'string' ? record.time.slice(11, 23) : '';
  const fields = Object.entries(record)
    .filter(([key]) => !SHOWN_FIRST.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`)
    .join('');
  const error = record.err as { stack?: string; message?: string } | undefined;
  const trace = error === undefined ? '' : `\n${error.stack ?? error.message ?? JSON.stringify(error)}`;
  return `${time} ${shownName} ${typeof record.msg === 'string' ? record.msg : ''}${fields}${trace}\n`;
}
