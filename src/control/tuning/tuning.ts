/**
 * Everything that changes the running configuration: reloads of the file, PATCHes, documents that are posted, rollbacks.
 * One after the other, each through the whole way of a configuration from the document to the image: so a change can say
 * nothing that a file could not, and finds the same problems.
 */
import { knownKeys, valueAt } from '../../config/schema-problems.ts';
import { configSchema } from '../../config/schema.ts';
import { formatPath, NO_POSITION, type Path } from '../../config/source.ts';
import type { ConfigDocument, LoadedInputs, LoadResult, ReadResult } from '../../config/load.ts';
import type { Config } from '../../config/types.ts';
import { HISTOGRAM_TICK_MS } from '../../binding/abi.ts';
import { StartError, formatProblem, type ConfigProblem } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { configHash } from '../config-hash.ts';
import type { Stats } from '../stats.ts';
import { Audit, type AuditNews } from './audit.ts';
import { Confirmation, type ConfirmWish, type PendingShown } from './confirmation.ts';
import { diffDocuments, type Difference } from './diff.ts';
import { Guard, Past, Reader, lookBack, watchedOf } from './guard.ts';
import { History, type HistoryEntry, type RunningDocument } from './history.ts';
import { applyOverrides, expanded, overridesBetween, replaceOverrides, textOf, type Override } from './overrides.ts';
import { redacted } from './redact.ts';
import { Serial } from './serial.ts';
import { changesOf, saveFile, textWith, type Saved } from './save.ts';
import { findTarget, placeOf, type TargetName } from './targets.ts';
import { hazardIn, isSame, mergePatch, withValue, type Mapping } from './tree.ts';
import { checkPatch, withWeights } from './tunables.ts';

/** Where configurations come from. */
export interface ConfigSource {
  /** The file, as the operator named it. */
  readonly file: string;
  read(): Promise<ReadResult>;
  load(document: ConfigDocument, known?: LoadedInputs): Promise<LoadResult>;
}

export interface TuningOptions {
  source: ConfigSource;
  /** Takes a configuration into service, wholly or not at all; gives its version. Throws a StartError when it is refused. */
  apply: (config: Config, hash: string) => Promise<number>;
  /** What `apply` would refuse before it changes anything. */
  rehearse: (config: Config) => Promise<void>;
  /** Files that a change of must be noticed. */
  watch: (files: readonly string[], readAtMs: number) => Promise<void>;
  isServing: () => boolean;
  stats: Stats;
  log: Logger;
  clock: Clock;
}

export interface ChangeRequest {
  who: string;
  /** Whether the one who asks has seen this version. */
  matches: (version: number) => boolean;
  dryRun: boolean;
  /** Null: the change stays without more ado. */
  confirm: ConfirmWish | null;
}

export interface Refusal {
  ok: false;
  status: 404 | 409 | 412 | 422 | 503;
  error: string;
  problems: ConfigProblem[];
}

export interface Changed {
  ok: true;
  version: number;
  diff: Difference[];
  warnings: ConfigProblem[];
  confirm: PendingShown | null;
}

export interface OverrideShown {
  path: string;
  value: unknown;
  was: unknown;
  atMs: number;
  who: string;
}

interface Proposal {
  running: RunningDocument;
  /** What need not be read and resolved again. */
  known: LoadedInputs | undefined;
  what: string;
}

type Loaded = Extract<LoadResult, { ok: true }>;

const refusal = (status: Refusal['status'], error: string, problems: ConfigProblem[] = []): Refusal => ({ ok: false, status, error, problems });

export class Tuning {
  readonly audit: Audit;
  readonly #options: TuningOptions;
  readonly #queue = new Serial();
  readonly #history = new History();
  readonly #past = new Past();
  /** As it was last read, whether or not it runs. */
  #file: ConfigDocument | null = null;
  #config: Config | null = null;
  #candidate: { running: RunningDocument; file: ConfigDocument; result: Loaded; dropped: { override: Override; why: string }[] } | null = null;
  #pending: Confirmation | null = null;
  #looking: NodeJS.Timeout | undefined;
  #sampling: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: TuningOptions) {
    this.#options = options;
    this.audit = new Audit(options.log, options.clock);
  }

  // ---- what others may see

  get version(): number {
    return this.#history.running?.version ?? 0;
  }

  get history(): readonly HistoryEntry[] {
    return this.#history.entries;
  }

  get pending(): PendingShown | null {
    return this.#pending?.shown ?? null;
  }

  get overrides(): OverrideShown[] {
    const running = this.#history.running?.running;
    return (running?.overrides ?? []).map((override) => ({
      path: textOf(running?.value, override),
      value: redacted(override.value, [...override.keys]),
      was: redacted(override.was, [...override.keys]),
      atMs: override.atMs,
      who: override.who,
    }));
  }

  /** Of the raw document; undefined: the defaults. */
  writtenAt(path: Path): unknown {
    return valueAt(this.#history.running?.running.value, path);
  }

  // ---- the file

  /** The first configuration is in service. */
  begin(loaded: Loaded, version: number, hash: string): void {
    this.#file = loaded.document;
    this.#config = loaded.config;
    const running = { base: loaded.document, inputs: loaded.inputs, overrides: [], value: loaded.document.source.value };
    this.#remember({ version, who: 'file', what: 'start', hash, running });
    this.#sampling = setInterval(() => this.#sample(), HISTOGRAM_TICK_MS).unref();
  }

  /** The work of a reload: after changes that were asked for before it, and when nothing waits for its confirmation. */
  async serially(work: () => Promise<void>): Promise<void> {
    for (;;) {
      const pending = this.#pending;
      if (pending !== null && !this.#closed) {
        this.#options.log.warn({ version: pending.version }, 'the reload waits until the pending change is confirmed or rolled back');
        await pending.settled;
      }
      const done = await this.#queue.run(async () => {
        if (this.#pending !== null && !this.#closed) return false;
        await work();
        return true;
      });
      if (done) return;
    }
  }

  /** Reads the file, and writes into it what was tuned and still applies. */
  async loadFile(reason: string): Promise<LoadResult> {
    const { source } = this.#options;
    const read = await source.read();
    if (!read.ok) return { ...read, warnings: [] };
    const file = read.document;
    const running = this.#history.running?.running;
    // What came by other ways stays until the file itself says something else.
    const stays = running !== undefined && running.base !== this.#file && reason !== 'SIGHUP' && isSame(file.source.value, this.#file?.source.value);
    const base = stays ? running.base : file;
    const attempt = await this.#loadWith(base, running?.overrides ?? []);
    const watch = [...new Set([...file.files, ...attempt.result.watch])];
    if (!attempt.result.ok) return { ...attempt.result, watch };
    const { result, applied } = attempt;
    this.#candidate = { running: { base, inputs: result.inputs, overrides: applied.kept, value: applied.value }, file, result, dropped: applied.dropped };
    return { ...result, watch };
  }

  /** What was loaded last becomes the running configuration. */
  async takeReload(reason: string): Promise<'applied' | 'unchanged'> {
    const candidate = this.#candidate;
    const before = this.#history.running;
    this.#candidate = null;
    if (candidate === null || before === undefined || !this.#options.isServing()) return 'unchanged';
    const { running, result, file, dropped } = candidate;
    const hash = configHash(result.config);
    const isSameConfig = hash === before.hash;
    const version = isSameConfig ? before.version : await this.#options.apply(result.config, hash);
    this.#file = file;
    for (const { override, why } of dropped) this.#options.log.warn({ path: textOf(before.running.value, override) }, `an override is dropped: ${why}`);
    if (isSameConfig) {
      this.#history.replaceRunning(running, version);
      return 'unchanged';
    }
    this.#config = result.config;
    const diff = diffDocuments(before.running.value, running.value);
    this.#remember({ version, who: 'file', what: `reload (${reason})`, hash, running });
    this.audit.note({ who: 'file', what: `reload (${reason})`, outcome: 'applied', version, diff, ...(diff.length > 0 ? {} : { why: 'contents of files or addresses of names changed' }) });
    return 'applied';
  }

  /** The running configuration was installed once more, under another version. */
  restored(version: number): void {
    const entry = this.#history.running;
    if (entry !== undefined) this.#history.replaceRunning(entry.running, version);
  }

  noteRefusedReload(reason: string, problems: readonly string[]): void {
    this.#candidate = null;
    this.audit.note({ who: 'file', what: `reload (${reason})`, outcome: 'refused', version: this.version, why: problems.slice(0, 5).join('; ') });
  }

  // ---- changes

  /** JSON merge patch (RFC 7396) of one object, in the words of the file. */
  patch(name: TargetName, patch: Mapping, request: ChangeRequest): Promise<Changed | Refusal> {
    return this.#change(`PATCH ${nameOf(name)}`, request, (present) => {
      const found = findTarget(present.value, name);
      if ('error' in found) return refusal(found.status, found.error);
      const { target, path } = found;
      const hazard = hazardIn(patch);
      if (hazard !== null) return refusal(422, `the patch cannot be taken: ${hazard}`);
      const problems = checkPatch(name.kind, patch, knownKeys(configSchema, path)).map(({ key, ...problem }) => this.#problem([...path, key], problem));
      if (problems.length > 0) return refusal(422, problems.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`)).join('; '), problems);
      const object = expanded(target, valueAt(present.value, path));
      let wanted: Mapping = patch;
      if (patch['weightedClusters'] !== undefined) {
        const weights = withWeights(valueAt(object, ['weightedClusters']), patch['weightedClusters']);
        if ('problem' in weights) return refusal(422, weights.problem, [this.#problem([...path, 'weightedClusters'], { message: weights.problem, ...(weights.hint === undefined ? {} : { hint: weights.hint }) })]);
        wanted = { ...patch, weightedClusters: weights.value };
      }
      const next = mergePatch(object, wanted);
      const root = present.base.source.value;
      const basePlace = placeOf(root, target);
      const written = basePlace === undefined ? undefined : valueAt(root, basePlace);
      const own = overridesBetween(target, written, next, this.#options.clock.wallMs(), request.who);
      const overrides = replaceOverrides(present.overrides, target, own);
      const running = { ...present, overrides, value: withValue(present.value, path, own.length === 0 ? written : next) };
      return { running, known: present.inputs, what: `PATCH ${formatPath(path)}` };
    });
  }

  /** A whole configuration in place of the running one. */
  replace(document: Pick<ConfigDocument, 'source' | 'text'>, request: ChangeRequest): Promise<Changed | Refusal> {
    const hazard = hazardIn(document.source.value);
    if (hazard !== null) return Promise.resolve(refusal(422, `the document cannot be taken: ${hazard}`));
    return this.#change('POST /config', request, (present) => {
      const base: ConfigDocument = { ...document, directory: present.base.directory, files: [] };
      // The inputs are those of the load that follows.
      return { running: { base, inputs: present.inputs, overrides: [], value: base.source.value }, known: undefined, what: 'POST /config' };
    });
  }

  /** Takes overrides back: all of them, or those at a path and below it. */
  dropOverrides(path: string | null, request: ChangeRequest): Promise<Changed | Refusal> {
    const what = `DELETE /config/overrides${path === null ? '' : ` (${path})`}`;
    return this.#change(what, request, (present) => {
      const isMeant = (override: Override): boolean => {
        const text = textOf(present.value, override);
        return path === null || text === path || text.startsWith(`${path}.`) || text.startsWith(`${path}[`);
      };
      if (path !== null && !present.overrides.some(isMeant)) {
        const known = present.overrides.map((override) => textOf(present.value, override));
        return refusal(404, `nothing is overridden at ${JSON.stringify(path)}${known.length === 0 ? '' : `; overridden: ${known.slice(0, 20).join(', ')}`}`);
      }
      const { kept, value } = applyOverrides(present.base.source.value, present.overrides.filter((override) => !isMeant(override)));
      return { running: { ...present, overrides: kept, value }, known: present.inputs, what };
    });
  }

  /** Makes a configuration of the history the running one again. Null: the one before; of a pending change, what was there before it. */
  rollback(to: number | null, request: ChangeRequest): Promise<Changed | Refusal> {
    return this.#change('POST /config/rollback', { ...request, confirm: null }, () => {
      const entry = to === null ? (this.#pending?.previous ?? this.#history.previous) : this.#history.find(to);
      if (entry === undefined) {
        const versions = this.#history.entries.map(({ version }) => version).join(', ');
        return refusal(404, to === null ? 'there is no configuration before this one to go back to' : `version ${to} is not in the history, which has: ${versions}`);
      }
      return { running: entry.running, known: entry.running.inputs, what: `rollback to version ${entry.version}` };
    }, 'rollback');
  }

  /** A pending change stays. */
  confirm(request: Pick<ChangeRequest, 'who' | 'matches'>): Promise<{ ok: true; version: number } | Refusal> {
    return this.#queue.run(() => Promise.resolve(this.#confirmNow(request)));
  }

  /** Writes what was tuned into the file that the configuration came from. */
  save(request: Pick<ChangeRequest, 'who' | 'matches' | 'dryRun'>): Promise<Saved | Refusal> {
    return this.#queue.run(async () => {
      const refused = this.#staleness(request.matches);
      if (refused !== null) return refused;
      const entry = this.#history.running;
      if (entry === undefined) return refusal(503, 'no configuration is in service yet');
      if (this.#pending !== null) return this.#pendingRefusal(this.#pending);
      const { running, version } = entry;
      const { file } = this.#options.source;
      const isOfFile = running.base === this.#file;
      const made = textWith(running.base.text, running.value, changesOf(running));
      if ('refused' in made) {
        this.audit.note({ who: request.who, what: 'POST /config/save', outcome: 'refused', version, why: made.refused });
        return refusal(409, made.refused);
      }
      const shown = { version, file, yaml: made.text };
      if (request.dryRun) return { ok: true, ...shown, written: false, why: 'dryRun' };
      if (!isOfFile) return { ok: true, ...shown, written: false, why: `the running configuration did not come from ${file}: store this text where you want it` };
      if (running.base.text === null) return { ok: true, ...shown, written: false, why: `${file} is a program, which cannot be written: store this text, or change the program` };
      if (running.overrides.length === 0) return { ok: true, ...shown, written: false, why: `nothing is overridden: ${file} says what is running` };
      const saved = await saveFile(file, running.base.text, made.text);
      if ('refused' in saved) {
        this.audit.note({ who: request.who, what: 'POST /config/save', outcome: 'refused', version, why: saved.refused });
        return refusal(409, saved.refused);
      }
      const diff = diffDocuments(running.base.source.value, running.value);
      const read = await this.#options.source.read();
      // Somebody may have been faster; then the reload of their file is on its way.
      if (read.ok && isSame(read.document.source.value, running.value)) {
        this.#file = read.document;
        this.#history.replaceRunning({ ...running, base: read.document, overrides: [] }, version);
      }
      this.audit.note({ who: request.who, what: `POST /config/save (${file})`, outcome: 'applied', version, diff });
      return { ok: true, ...shown, written: true, why: null };
    });
  }

  /** What the guard of a pending change says now; the timer calls it. */
  async look(): Promise<void> {
    clearTimeout(this.#looking);
    const pending = this.#pending;
    if (pending === null || this.#closed) return;
    const verdict = pending.look();
    if (verdict !== null) {
      try {
        await this.#queue.run(() => this.#undo(pending, verdict));
      } catch (error) {
        this.#options.log.error({ err: error }, 'the pending change cannot be rolled back; it is tried again');
      }
    }
    this.#lookLater();
  }

  /** A pending change stays as it is: the file was never changed, so that the next start comes up without it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#looking);
    clearInterval(this.#sampling);
    this.#pending?.end();
  }

  // ---- inside

  async #loadWith(base: ConfigDocument, overrides: readonly Override[]): Promise<{ result: LoadResult; applied: ReturnType<typeof applyOverrides> }> {
    const applied = applyOverrides(base.source.value, overrides);
    const result = await this.#options.source.load(withRoot(base, applied.value));
    if (result.ok || applied.kept.length === 0) return { result, applied };
    const alone = await this.#options.source.load(base);
    if (!alone.ok) return { result: alone, applied };
    // The file is good, and what was tuned does not go with it any more: the file wins.
    const why = `it does not go with the file any more: ${result.problems.slice(0, 3).map(formatProblem).join('; ')}`;
    const dropped = [...applied.dropped, ...applied.kept.map((override) => ({ override, why }))];
    return { result: alone, applied: { value: base.source.value, kept: [], dropped } };
  }

  #change(what: string, request: ChangeRequest, propose: (present: RunningDocument) => Proposal | Refusal, kind: 'change' | 'rollback' = 'change'): Promise<Changed | Refusal> {
    return this.#queue.run(async () => {
      const outcome = await this.#changeNow(request, propose, kind);
      if (!outcome.ok && !request.dryRun) this.audit.note({ who: request.who, what, outcome: 'refused', version: this.version, why: outcome.error, problems: outcome.problems });
      return outcome;
    });
  }

  async #changeNow(request: ChangeRequest, propose: (present: RunningDocument) => Proposal | Refusal, kind: 'change' | 'rollback'): Promise<Changed | Refusal> {
    const { source, isServing, clock } = this.#options;
    const refused = this.#staleness(request.matches);
    if (refused !== null) return refused;
    const entry = this.#history.running;
    const config = this.#config;
    if (entry === undefined || config === null || !isServing()) return refusal(503, 'the configuration can be changed while the proxy serves: it is starting, or draining');
    const pending = this.#pending;
    if (pending !== null && kind === 'change' && !request.dryRun) return this.#pendingRefusal(pending);
    const proposal = propose(entry.running);
    if ('ok' in proposal) return proposal;
    const readAtMs = clock.wallMs();
    const loaded = await source.load(withRoot(proposal.running.base, proposal.running.value), proposal.known);
    if (!loaded.ok) return refusal(422, `the configuration has ${loaded.problems.length === 1 ? 'a problem' : `${loaded.problems.length} problems`}`, loaded.problems);
    const running = { ...proposal.running, inputs: loaded.inputs };
    const diff = diffDocuments(entry.running.value, running.value);
    const { warnings } = loaded;
    const hash = configHash(loaded.config);
    const unchanged: Changed = { ok: true, version: entry.version, diff: [], warnings, confirm: null };
    if (hash === entry.hash && (pending === null || kind !== 'rollback')) return unchanged;
    try {
      if (request.dryRun) {
        await this.#options.rehearse(loaded.config);
        return { ...unchanged, diff };
      }
      return await this.#take(request, proposal.what, { running, config: loaded.config, hash, diff, warnings, watch: loaded.watch, readAtMs }, kind);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      return refusal(409, error.hint === undefined ? error.message : `${error.message} (${error.hint})`);
    }
  }

  async #take(
    { who, confirm }: ChangeRequest,
    what: string,
    next: { running: RunningDocument; config: Config; hash: string; diff: Difference[]; warnings: ConfigProblem[]; watch: string[]; readAtMs: number },
    kind: 'change' | 'rollback',
  ): Promise<Changed> {
    const { stats, clock, log } = this.#options;
    const before = this.#history.running;
    const { running, config, hash, diff } = next;
    const seen = confirm === null || before === undefined || this.#config === null
      ? null
      : lookBack(new Reader(stats, before.version, this.#config), this.#past, watchedOf(this.#config, config));
    const version = await this.#options.apply(config, hash);
    this.#config = config;
    this.#remember({ version, who, what, hash, running });
    for (const warning of next.warnings) log.debug({ path: warning.path }, formatProblem(warning));
    if (this.#pending !== null) this.#settle(this.#pending);
    this.audit.note({ who, what, outcome: kind === 'rollback' ? 'rolledBack' : 'applied', version, diff });
    if (running.base !== before?.running.base) await this.#options.watch([...(this.#file?.files ?? []), ...next.watch], next.readAtMs);
    if (seen !== null && before !== undefined && confirm !== null) {
      const guard = new Guard(new Reader(stats, version, config), seen, confirm);
      this.#pending = new Confirmation({ version, what, who, previous: before }, guard, confirm.timeMs, clock);
      this.#lookLater();
    }
    return { ok: true, version, diff, warnings: next.warnings, confirm: this.pending };
  }

  #confirmNow(request: Pick<ChangeRequest, 'who' | 'matches'>): { ok: true; version: number } | Refusal {
    const refused = this.#staleness(request.matches);
    if (refused !== null) return refused;
    const pending = this.#pending;
    if (pending === null) return refusal(409, 'no change awaits its confirmation: it was confirmed, or rolled back (see GET /audit)');
    this.#settle(pending);
    this.audit.note({ who: request.who, what: pending.what, outcome: 'confirmed', version: pending.version });
    return { ok: true, version: pending.version };
  }

  async #undo(pending: Confirmation, { who, why }: { who: string; why: string }): Promise<void> {
    const entry = this.#history.running;
    if (this.#pending !== pending || entry === undefined || !this.#options.isServing()) return;
    const { running } = pending.previous;
    const loaded = await this.#options.source.load(withRoot(running.base, running.value), running.inputs);
    if (!loaded.ok) throw new Error(`the configuration of version ${pending.previous.version} has problems now: ${loaded.problems.map(formatProblem).join('; ')}`);
    const hash = configHash(loaded.config);
    const version = await this.#options.apply(loaded.config, hash);
    this.#config = loaded.config;
    const diff = diffDocuments(entry.running.value, running.value);
    this.#remember({ version, who, what: `rollback of version ${pending.version}`, hash, running });
    this.#settle(pending);
    this.audit.note({ who, what: pending.what, outcome: 'rolledBack', version, diff, why });
  }

  #settle(pending: Confirmation): void {
    if (this.#pending !== pending) return;
    this.#pending = null;
    clearTimeout(this.#looking);
    pending.end();
  }

  #lookLater(): void {
    clearTimeout(this.#looking);
    if (this.#pending !== null && !this.#closed) this.#looking = setTimeout(() => void this.look(), this.#pending.dueMs).unref();
  }

  #sample(): void {
    const entry = this.#history.running;
    // Without an admin endpoint there is nobody to confirm anything.
    if (entry !== undefined && this.#config !== null && this.#config.admin !== null) this.#past.take(new Reader(this.#options.stats, entry.version, this.#config), this.#options.clock.monotonicMs());
  }

  #remember(entry: Omit<HistoryEntry, 'atMs'>): void {
    this.#history.add({ ...entry, atMs: this.#options.clock.wallMs() });
  }

  #staleness(matches: ChangeRequest['matches']): Refusal | null {
    if (matches(this.version)) return null;
    return refusal(412, `the configuration is at version ${this.version} by now: look at it again (GET /config), then repeat with If-Match: "${this.version}"`);
  }

  #pendingRefusal({ version, what }: Confirmation): Refusal {
    return refusal(409, `version ${version} (${what}) awaits its confirmation: POST /config/confirm or POST /config/rollback first`);
  }

  #problem(path: Path, { message, hint }: { message: string; hint?: string }): ConfigProblem {
    return { file: this.#options.source.file, ...NO_POSITION, path: formatPath(path), message, ...(hint === undefined ? {} : { hint }) };
  }
}

/** The document with another tree in it; places are still those of the text. */
function withRoot(document: ConfigDocument, value: unknown): ConfigDocument {
  return { ...document, source: { ...document.source, value } };
}

function nameOf(name: TargetName): string {
  switch (name.kind) {
    case 'cluster':
      return `clusters.${name.cluster}`;
    case 'endpoint':
      return `clusters.${name.cluster}, endpoint ${name.endpoint}`;
    case 'route':
      return `route ${name.table === null ? '' : `${name.table}/`}${name.route}`;
    case 'listener':
      return `listener ${name.listener}`;
  }
}

export type { AuditNews };
