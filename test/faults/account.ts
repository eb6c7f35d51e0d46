/** What the clients and the proxy say of the same requests. */
import { OUTCOME, type Report } from './load.ts';
import { flags, type Look, type Samples } from './watch.ts';

/** An endpoint that was not tried for so long is being avoided. */
const QUIET_MS = 400;

export interface Account {
  sent: number;
  answered: number;
  /** Errors and cuts by response flag, as the proxy counted them; `5xx` = an answer of an endpoint, passed on. */
  failed: Record<string, number>;
  /** Answers of 400 and more, as clients saw them. */
  errors: number;
  /** Connections that ended before the whole answer. */
  cut: number;
  /** Neither answer nor end. */
  lost: number;
  /** Other answers than the right one, more than one, or bytes that nobody asked for. */
  wrong: number;
  complaints: string[];
}

export function account(reports: readonly Report[], before: Samples, after: Samples): Account {
  const count = (outcome: number): number => reports.reduce((total, { outcomes }) => outcomes.reduce((sum, each) => sum + (each === outcome ? 1 : 0), total), 0);
  const failed: Record<string, number> = {};
  const earlier = flags(before);
  for (const [flag, total] of Object.entries(flags(after))) if (total > (earlier[flag] ?? 0)) failed[flag] = total - (earlier[flag] ?? 0);
  const passedOn = reports.reduce((total, report) => report.outcomes.reduce((sum, outcome, i) => sum + (outcome === OUTCOME.error && report.origins[i] !== 0 ? 1 : 0), total), 0);
  if (passedOn > 0) failed['5xx'] = passedOn;
  return {
    sent: reports.reduce((total, { outcomes }) => total + outcomes.length, 0),
    answered: count(OUTCOME.answered), failed, errors: count(OUTCOME.error), cut: count(OUTCOME.cut), lost: count(OUTCOME.lost),
    wrong: count(OUTCOME.wrong) + reports.reduce((total, { extra }) => total + extra, 0),
    complaints: reports.flatMap(({ complaints }) => complaints),
  };
}

export interface Avoided {
  attempts: number;
  ms: number;
}

/** The first time that no attempt was made for a while (the count of an endpoint that a reload removes is gone), and the attempts up to then; null: there was none. */
export function avoidedAt(during: readonly Look[], began: number): Avoided | null {
  const [first, last] = [during[0], during.at(-1)];
  if (first === undefined || last === undefined) return null;
  for (const [i, { ms, attempts }] of during.entries()) {
    if (last.ms < ms + QUIET_MS) return null;
    const quiet = during.slice(i).every((look) => look.ms > ms + QUIET_MS || look.attempts <= attempts);
    if (quiet && ms > began) return { attempts: attempts - first.attempts, ms: Math.round(ms - began) };
  }
  return null;
}

/** From `over` to the first request that this endpoint answered. */
export function returnedAfter(report: Report, name: string, over: number): number | null {
  const origin = report.originNames.indexOf(name);
  let first = Infinity;
  for (const [i, outcome] of report.outcomes.entries()) {
    const started = report.startedMs[i]!;
    if (outcome === OUTCOME.answered && report.origins[i] === origin && started >= over && started < first) first = started;
  }
  return first === Infinity ? null : Math.round(first - over);
}
