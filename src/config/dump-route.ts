import {
  ACTION,
  EDIT_OPERATOR,
  METHODS,
  NONE,
  PATH_KIND,
  PREDICATE_OPERATOR,
  PREDICATE_SOURCE,
  REWRITE,
  type RecordFields,
} from '../binding/abi.ts';
import { dumpLimitNames } from './dump-rate.ts';
import { dumpRespond } from './dump-respond.ts';
import { dumpRetry } from './dump-retry.ts';
import { dumpRouteTracing } from './dump-tracing.ts';
import type { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

const PATH_KEY: Record<string, string> = { exact: 'path', prefix: 'pathPrefix', regex: 'pathRegex' };

export function dumpRoute(reader: ImageReader, row: RecordFields<'ROUTE'>): object {
  const predicates = reader.rows('PREDICATE', row.predicateStart, row.predicateCount);
  const pathKey = PATH_KEY[nameOf(PATH_KIND, row.pathKind)] ?? 'path';
  return {
    name: reader.text(row.nameOffset, row.nameLength),
    match: {
      [pathKey]: reader.text(row.pathOffset, row.pathLength),
      methods: METHODS.filter((_, bit) => (row.methods & (1 << bit)) !== 0),
      headers: dumpPredicates(reader, predicates, PREDICATE_SOURCE.header),
      query: dumpPredicates(reader, predicates, PREDICATE_SOURCE.query),
    },
    ...dumpAction(reader, row),
    timeoutMs: row.timeoutMs,
    maxDurationMs: row.maxDurationMs,
    idleTimeoutMs: row.idleTimeoutMs,
    requestTimeoutMs: row.requestTimeoutMs,
    ...dumpRetry(reader, row),
    fault: row.fault === NONE ? null : dumpFault(reader.row('FAULT', row.fault)),
    rewrite: {
      ...dumpRewrite(reader, row),
      ...(row.hostOffset === NONE ? {} : { host: reader.text(row.hostOffset, row.hostLength) }),
    },
    requestHeaders: dumpEdits(reader, reader.rows('EDIT', row.requestEditStart, row.requestEditCount)),
    responseHeaders: dumpEdits(reader, reader.rows('EDIT', row.responseEditStart, row.responseEditCount)),
    maxRequestBody:
      row.maxBodyLow === NONE && row.maxBodyHigh === NONE ? 0 : row.maxBodyHigh * 2 ** 32 + row.maxBodyLow,
    websocket:
      row.webSocketMaxMessage === 0
        ? false
        : { maxMessage: row.webSocketMaxMessage, idleTimeoutMs: row.webSocketIdleMs },
    rateLimit: dumpLimitNames(reader, row),
    ...dumpRouteTracing(reader, row),
  };
}

function dumpPredicates(reader: ImageReader, rows: readonly RecordFields<'PREDICATE'>[], source: number): object {
  const ofSource = rows.filter((row) => row.source === source);
  return Object.fromEntries(
    ofSource.map((row) => {
      const op = nameOf(PREDICATE_OPERATOR, row.op);
      const value = row.op === PREDICATE_OPERATOR.present ? true : reader.text(row.valueOffset, row.valueLength);
      return [
        reader.text(row.nameOffset, row.nameLength) ?? '',
        { [op]: value, ...(row.negate === 1 ? { not: true } : {}) },
      ];
    }),
  );
}

/** The subset is left out where it is every endpoint. */
function dumpChoice(reader: ImageReader, cluster: number, subset: number): object {
  const { nameOffset, nameLength } = reader.row('SUBSET', subset);
  return {
    cluster: reader.nameOf(reader.row('CLUSTER', cluster)),
    ...(nameOffset === NONE ? {} : { subset: reader.text(nameOffset, nameLength) }),
  };
}

function dumpAction(reader: ImageReader, row: RecordFields<'ROUTE'>): object {
  switch (row.action) {
    case ACTION.cluster:
      return dumpChoice(reader, row.actionStart, row.subset);
    case ACTION.weightedClusters: {
      const weights = reader.rows('WEIGHT', row.actionStart, row.actionCount);
      return {
        weightedClusters: weights.map(({ cluster, subset, cumulative }, i) => ({
          ...dumpChoice(reader, cluster, subset),
          weight: cumulative - (weights[i - 1]?.cumulative ?? 0),
        })),
      };
    }
    case ACTION.redirect: {
      const redirect = reader.row('REDIRECT', row.actionStart);
      return {
        redirect: {
          status: redirect.status,
          scheme: reader.text(redirect.schemeOffset, redirect.schemeLength),
          host: reader.text(redirect.hostOffset, redirect.hostLength),
          port: redirect.port,
          ...dumpRewrite(reader, redirect),
          stripQuery: redirect.stripQuery === 1,
        },
      };
    }
    default:
      return { respond: dumpRespond(reader, row.actionStart) };
  }
}

function dumpRewrite(
  reader: ImageReader,
  row: { rewrite: number; rewriteOffset: number; rewriteLength: number },
): object {
  return row.rewrite === REWRITE.none
    ? {}
    : { [nameOf(REWRITE, row.rewrite)]: reader.text(row.rewriteOffset, row.rewriteLength) };
}

function dumpEdits(reader: ImageReader, rows: readonly RecordFields<'EDIT'>[]): object {
  const pairs = (op: number) =>
    rows
      .filter((row) => row.op === op)
      .map(
        (row) =>
          [
            reader.text(row.nameOffset, row.nameLength) ?? '',
            reader.text(row.valueOffset, row.valueLength) ?? '',
          ] as const,
      );
  const added = new Map<string, string[]>();
  for (const [name, value] of pairs(EDIT_OPERATOR.add)) added.set(name, [...(added.get(name) ?? []), value]);
  return {
    set: Object.fromEntries(pairs(EDIT_OPERATOR.set)),
    add: Object.fromEntries(added),
    remove: pairs(EDIT_OPERATOR.remove).map(([name]) => name),
  };
}

function dumpFault(row: RecordFields<'FAULT'>): object {
  return {
    abort: row.abortPerMillion === 0 ? null : { status: row.abortStatus, percent: row.abortPerMillion / 10_000 },
    delay: row.delayPerMillion === 0 ? null : { timeMs: row.delayMs, percent: row.delayPerMillion / 10_000 },
  };
}
