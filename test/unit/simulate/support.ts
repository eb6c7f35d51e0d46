import { Simulation } from '../../../src/binding/simulation.ts';
import { parseYaml, type Source } from '../../../src/config/source.ts';
import { cellOf } from '../../../src/simulate/cell.ts';
import { loadScenario, type Override } from '../../../src/simulate/load.ts';
import type { Outcome } from '../../../src/simulate/result.ts';
import type { Scenario } from '../../../src/simulate/types.ts';
import { brief } from '../config/support.ts';

export function sourceOf(text: string): Source {
  const result = parseYaml('scenario.yaml', text);
  if ('problems' in result) throw new Error(brief(result.problems).join('\n'));
  return result.source;
}

export function scenarioOf(text: string, overrides: Override[] = []): Scenario {
  const result = loadScenario(sourceOf(text), overrides, 'untitled');
  if (!result.ok) throw new Error(brief(result.problems).join('\n'));
  return result.scenario;
}

export function problemsOf(text: string, overrides: Override[] = []): string[] {
  const result = loadScenario(sourceOf(text), overrides, 'untitled');
  return result.ok ? [] : brief(result.problems);
}

/** All cells, one after the other, in this thread. */
export function outcomeOf(scenario: Scenario): Outcome {
  return {
    scenario,
    cells: scenario.candidates.map((_, candidate) =>
      scenario.points.map((__, point) => {
        const simulation = new Simulation(cellOf(scenario, { candidate, point }));
        while (!simulation.step(100_000)) continue;
        return simulation.result();
      }),
    ),
  };
}

/** Three groups are enough to say something, and so few requests that nobody waits for them. */
export const SMALL = `
title: small
requests: 4000
load: [0.5, 0.8, 1.1]
policies: [roundRobin, leastRequest, peakEwma]
timeout: 1s
endpoints:
  - { name: good, count: 9, serviceTime: { exponential: 10ms }, concurrency: 4 }
  - { name: slow, count: 1, serviceTime: { exponential: 100ms }, concurrency: 4 }
`;
