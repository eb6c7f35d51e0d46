/**
 * Picking an endpoint: all endpoints of one priority and zone, equally heavy, available, measured, and with a fresh report.
 * The loop in C++ keeps requests in flight, as a proxy does, so it pays two atomic additions per pick; "C++, pick only" is
 * what remains when the same loop without a policy is taken off.
 */
import { createBalancer, type Balancer } from '../../src/binding/balancer.ts';
import { mix64 } from '../../test/reference/balancer/key-hash.ts';
import { endpointOf, settingsOf, type PolicyName } from '../../test/reference/balancer/settings.ts';
import { lazy, sink, type Row } from './harness.ts';
import { random } from './random.ts';
import { ReferencePicker } from './reference-picker.ts';

const AIM_NS = 15;
/** P2C, Maglev and stride: the policies that the aim is about. */
const WITH_AIM: ReadonlySet<PolicyName> = new Set(['roundRobin', 'leastRequest', 'peakEwma', 'maglev'] as const);
const POLICIES: PolicyName[] = ['roundRobin', 'random', 'leastRequest', 'peakEwma', 'leastTime', 'prequal', 'ringHash', 'maglev', 'rendezvous'];
const SIZES = [3, 100, 10_000];
const NOW_MS = 1_000;
const KEYS = 1 << 12;
/** Of the reference; the loop in C++ has as many. */
const IN_FLIGHT = 64;

const rttUs = (slot: number): number => 1_000 + ((slot * 7_919) % 4_000);

function endpointsOf(size: number) {
  return Array.from({ length: size }, (_, slot) => endpointOf(`10.0.${slot >> 8}.${slot & 255}:8080`));
}

function nativeOf(policy: PolicyName, size: number): Balancer {
  const balancer = createBalancer(settingsOf(policy), endpointsOf(size), 1);
  for (let slot = 0; slot < size; slot++) {
    balancer.observe(slot, rttUs(slot), false, 0, NOW_MS);
    balancer.report(slot, slot % 8, rttUs(slot), NOW_MS);
  }
  return balancer;
}

/** Keeps the last picks in flight. */
class InFlight {
  readonly #held = new Int32Array(IN_FLIGHT).fill(-1);
  #at = 0;

  /** The slot whose request ends now, or -1. */
  swap(slot: number): number {
    const at = this.#at++ % IN_FLIGHT;
    const ended = this.#held[at]!;
    this.#held[at] = slot;
    return ended;
  }
}

async function* rowsOf(policy: PolicyName, size: number): AsyncGenerator<Row> {
  const subject = `pick, ${policy}, ${size.toLocaleString('en')} endpoints`;
  const balancer = lazy(() => nativeOf(policy, size));
  yield { subject, by: 'C++', threads: 1, prepare: () => (n) => balancer().timePicks(n, 1, NOW_MS) };
  yield {
    subject,
    by: 'C++, pick only',
    threads: 1,
    isDifference: true,
    ...(WITH_AIM.has(policy) ? { aimNs: AIM_NS } : {}),
    // Not below 0, which would be no time at all to the clock of the bench: the counting was interrupted.
    prepare: () => (n) => Math.max(balancer().timePicks(n, 1, NOW_MS) - balancer().timeCounts(n, 1), 0),
  };
  yield { subject, by: 'C++', threads: 2, prepare: () => (n) => balancer().timePicks(n, 2, NOW_MS) };

  const hashes = lazy(() => Array.from({ length: KEYS }, (_, key) => mix64(BigInt(key))));
  yield {
    subject,
    by: 'addon',
    threads: 1,
    prepare: () => {
      const made = balancer();
      const words = Uint32Array.from(hashes().flatMap((hash) => [Number(hash & 0xffff_ffffn), Number(hash >> 32n)]));
      let key = 0;
      return (n) => {
        let sum = 0;
        for (let i = 0; i < n; i++) {
          key = (key + 2) & (2 * KEYS - 1);
          sum += made.pick(words[key]!, words[key + 1]!, true, NOW_MS);
        }
        sink.value += sum;
        return undefined;
      };
    },
  };
  yield {
    subject,
    by: 'reference',
    threads: 1,
    prepare: () => {
      const picker = new ReferencePicker(settingsOf(policy), endpointsOf(size), rttUs, random(1));
      const keys = hashes();
      const flight = new InFlight();
      let key = 0;
      return (n) => {
        for (let i = 0; i < n; i++) {
          const slot = picker.pick(keys[(key = (key + 1) & (KEYS - 1))]!, NOW_MS);
          picker.active[slot]!++;
          const ended = flight.swap(slot);
          if (ended >= 0) picker.active[ended]!--;
        }
        return undefined;
      };
    },
  };
}

export async function* pickRows(): AsyncGenerator<Row> {
  for (const policy of POLICIES) for (const size of SIZES) yield* rowsOf(policy, size);
}
