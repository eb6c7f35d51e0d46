import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { applyOverrides, overridesBetween } from '../../../../src/control/tuning/overrides.ts';
import { changesOf, saveFile, textWith } from '../../../../src/control/tuning/save.ts';
import { findTarget, type TargetName } from '../../../../src/control/tuning/targets.ts';
import { mergePatch } from '../../../../src/control/tuning/tree.ts';
import { expanded } from '../../../../src/control/tuning/overrides.ts';
import { valueAt } from '../../../../src/config/schema-problems.ts';
import type { RunningDocument } from '../../../../src/control/tuning/history.ts';
import { workDirectory } from '../support.ts';

const raw = (text: string): unknown => parseDocument(text, { merge: true }).toJS();

/** The text after these patches, one after the other. */
function saved(text: string, patches: readonly [TargetName, unknown][]): { text: string } | { refused: string } {
  const root = raw(text);
  const overrides = patches.flatMap(([name, patch]) => {
    const found = findTarget(root, name);
    if ('error' in found) throw new Error(found.error);
    const object = expanded(found.target, valueAt(root, found.path));
    return overridesBetween(found.target, valueAt(root, found.path), mergePatch(object, patch), 0, 'me');
  });
  const { value } = applyOverrides(root, overrides);
  const running = { base: { source: { value: root }, text }, overrides, value } as unknown as RunningDocument;
  const made = textWith(text, value, changesOf(running));
  if ('text' in made) expect(raw(made.text)).toEqual(value);
  return made;
}

const FILE = `# what it is for
listeners:
  - { name: web, address: 0.0.0.0:80, routes: main } # the door
routes:
  main:
    - hosts: ["*"]
      routes:
        # the important one
        - name: items
          timeout: 5s # patience
          weightedClusters:
            - { cluster: a, weight: 90 }
            - { cluster: b, weight: 10 } # canary

clusters:
  a:
    endpoints: [127.0.0.1:1, { address: 127.0.0.1:2, weight: 2 }]   # two
    circuitBreaker:
      threshold: 0.5   # half
      minRequests: 5
  b:
    endpoints:
      - 127.0.0.1:3
      - address: 127.0.0.1:4
        weight: 7
`;

describe('saving into YAML', () => {
  it('changes the values that were tuned, and not a byte beside them', () => {
    const made = saved(FILE, [
      [{ kind: 'route', route: 'items', table: null }, { timeout: '7s', weightedClusters: [{ cluster: 'a', weight: 50 }, { cluster: 'b', weight: 50 }] }],
      [{ kind: 'cluster', cluster: 'a' }, { circuitBreaker: { threshold: 0.8 } }],
    ]);
    const expected = FILE.replace('5s', '7s').replace('weight: 90', 'weight: 50').replace('weight: 10 }', 'weight: 50 }').replace('0.5 ', '0.8 ');
    expect(made).toEqual({ text: expected });
  });

  it('adds what was not there at the end of its mapping', () => {
    const made = saved(FILE, [[{ kind: 'cluster', cluster: 'a' }, { limits: { maxRequests: 9 } }], [{ kind: 'cluster', cluster: 'b' }, { balancer: { policy: 'random' } }]]);
    expect(made).toEqual({ text: FILE.replace('      minRequests: 5\n', '      minRequests: 5\n    limits: { maxRequests: 9 }\n').replace('weight: 7\n', 'weight: 7\n    balancer: { policy: random }\n') });
  });

  it('makes an endpoint that was its address alone a mapping', () => {
    const made = saved(FILE, [[{ kind: 'endpoint', cluster: 'a', endpoint: '127.0.0.1:1' }, { weight: 3, drain: true }], [{ kind: 'endpoint', cluster: 'b', endpoint: '127.0.0.1:3' }, { weight: 4 }]]);
    expect(made).toEqual({ text: FILE.replace('[127.0.0.1:1,', '[{ address: 127.0.0.1:1, weight: 3, drain: true },').replace('- 127.0.0.1:3', '- { address: 127.0.0.1:3, weight: 4 }') });
  });

  it('takes a key away with its line', () => {
    const made = saved(FILE, [[{ kind: 'cluster', cluster: 'a' }, { circuitBreaker: { minRequests: null } }]]);
    expect(made).toEqual({ text: FILE.replace('      minRequests: 5\n', '') });
  });

  it('keeps its comments when it has to write a list anew', () => {
    const text = `clusters:\n  # why\n  a: # who\n    retryBudget: # how\n      percent: 10\n    endpoints: [127.0.0.1:1] # where\n`;
    const made = saved(text, [[{ kind: 'cluster', cluster: 'a' }, { retryBudget: false }]]);
    expect('text' in made && made.text.match(/# \w+/g)?.filter((comment) => comment !== '# how')).toEqual(['# why', '# who', '# where']);
  });

  it('leaves JSON what it is', () => {
    const text = `${JSON.stringify({ clusters: { a: { endpoints: ['127.0.0.1:1'] } } }, null, 4)}\n`;
    const made = saved(text, [[{ kind: 'endpoint', cluster: 'a', endpoint: '127.0.0.1:1' }, { weight: 3 }]]);
    expect(made).toEqual({ text: `${JSON.stringify({ clusters: { a: { endpoints: [{ address: '127.0.0.1:1', weight: 3 }] } } }, null, 4)}\n` });
  });

  it('sets a key beside a merge key, and leaves the others that merge it alone', () => {
    const text = `base: &base { connectTimeout: 1s }\nclusters:\n  a: { <<: *base, endpoints: [127.0.0.1:1] }\n  b: { <<: *base, endpoints: [127.0.0.1:2] }\n`;
    const made = saved(text, [[{ kind: 'cluster', cluster: 'a' }, { connectTimeout: '2s' }]]);
    expect('text' in made && (parse(made.text, { merge: true }) as { clusters: object }).clusters).toEqual({
      a: { connectTimeout: '2s', endpoints: ['127.0.0.1:1'] },
      b: { connectTimeout: '1s', endpoints: ['127.0.0.1:2'] },
    });
  });

  it('writes a mapping that comes from a merge key in full when a part of it changes', () => {
    const text = `base: &base\n  pool: { maxConnections: 5, idleTimeout: 3s }\nclusters:\n  a:\n    <<: *base\n    endpoints: [127.0.0.1:1]\n`;
    expect(saved(text, [[{ kind: 'cluster', cluster: 'a' }, { pool: { maxConnections: 6 } }]])).toMatchObject({ text: expect.stringContaining('maxConnections: 6') as string });
  });

  it('refuses what would change another place, too', () => {
    const alias = `clusters:\n  a: &a { endpoints: [127.0.0.1:1] }\n  b: *a\n`;
    expect(saved(alias, [[{ kind: 'cluster', cluster: 'b' }, { connectTimeout: '2s' }]])).toEqual({ refused: expect.stringContaining('clusters.b is the alias *a') as string });
    expect(saved(alias, [[{ kind: 'cluster', cluster: 'a' }, { connectTimeout: '2s' }]])).toEqual({ refused: expect.stringContaining('used elsewhere as *a') as string });
  });
});

describe('the file', () => {
  it('is replaced in one step, through a symlink, and keeps its mode', async () => {
    const directory = workDirectory();
    const file = join(directory, 'm.yaml');
    writeFileSync(file, 'a: 1\n');
    chmodSync(file, 0o640);
    symlinkSync('m.yaml', join(directory, 'link.yaml'));
    const { ino } = statSync(file);
    expect(await saveFile(join(directory, 'link.yaml'), 'a: 1\n', 'a: 2\n')).toEqual({ saved: true });
    expect(readFileSync(file, 'utf8')).toBe('a: 2\n');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(statSync(file).ino).not.toBe(ino);
  });

  it('is left alone when somebody else has changed it', async () => {
    const file = join(workDirectory(), 'm.yaml');
    writeFileSync(file, 'a: 3\n');
    expect(await saveFile(file, 'a: 1\n', 'a: 2\n')).toEqual({ refused: expect.stringContaining('has changed since it was loaded') as string });
    expect(readFileSync(file, 'utf8')).toBe('a: 3\n');
  });
});
