import { CharSet, DFA, ENFA, TooManyNodesError } from 'refa';

/** Bounds of the subset construction, which may be exponential: all three together keep it below about a second. */
const MAX_STATES = 10_000;
/** Edges followed. */
const MAX_WORK = 30_000_000;
/** NFA states named by all DFA states together: what the construction holds in memory. */
const MAX_MEMBERS = 4_000_000;

interface Automaton {
  /** Targets without a byte. */
  epsilon: number[][];
  /** Byte edges as triples min, max, target. */
  edges: number[][];
  /** The initial state is 0. */
  final: number | undefined;
}

function numbered(enfa: ENFA): Automaton {
  const nodes: ENFA.Node[] = [enfa.initial];
  const indexes = new Map<ENFA.Node, number>([[enfa.initial, 0]]);
  const epsilon: number[][] = [];
  const edges: number[][] = [];
  for (const node of nodes) {
    const free: number[] = [];
    const bytes: number[] = [];
    for (const [to, via] of node.out) {
      let index = indexes.get(to);
      if (index === undefined) {
        index = nodes.length;
        nodes.push(to);
        indexes.set(to, index);
      }
      if (via === null) free.push(index);
      else for (const { min, max } of via.ranges) bytes.push(min, max, index);
    }
    epsilon.push(free);
    edges.push(bytes);
  }
  return { epsilon, edges, final: indexes.get(enfa.final) };
}

/** Follows edges, and counts them. */
class Walker {
  readonly #automaton: Automaton;
  readonly #seen: Uint32Array;
  #round = 0;
  #work = 0;
  #members = 0;

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
    this.#seen = new Uint32Array(automaton.epsilon.length);
  }

  /** Everything that is reached without a byte and has byte edges or accepts, in ascending order. */
  closure(starts: readonly number[]): Int32Array {
    const { epsilon, edges, final } = this.#automaton;
    const round = ++this.#round;
    const stack: number[] = [];
    const visit = (node: number) => {
      this.#spend(1);
      if (this.#seen[node] === round) return;
      this.#seen[node] = round;
      stack.push(node);
    };
    for (const start of starts) visit(start);
    const members: number[] = [];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if ((edges[node]?.length ?? 0) > 0 || node === final) members.push(node);
      for (const next of epsilon[node] ?? []) visit(next);
    }
    this.#members += members.length;
    if (this.#members > MAX_MEMBERS) throw new TooManyNodesError('subset construction: members');
    return Int32Array.from(members).sort();
  }

  /** The byte intervals on which the members go to one set of targets each. */
  steps(members: Int32Array): { min: number; max: number; targets: number[] }[] {
    const { edges } = this.#automaton;
    const starts = new Uint8Array(257);
    for (const member of members) {
      const list = edges[member] ?? [];
      for (let i = 0; i < list.length; i += 3) starts[list[i] ?? 0] = starts[(list[i + 1] ?? 0) + 1] = 1;
      this.#spend(list.length / 3);
    }
    const intervals: { min: number; max: number; targets: number[] }[] = [];
    const intervalOf = new Uint8Array(256);
    for (let byte = 0; byte < 256; byte++) {
      if (byte === 0 || starts[byte] === 1) intervals.push({ min: byte, max: byte, targets: [] });
      intervalOf[byte] = intervals.length - 1;
      const last = intervals.at(-1);
      if (last !== undefined) last.max = byte;
    }
    for (const member of members) {
      const list = edges[member] ?? [];
      for (let i = 0; i < list.length; i += 3) {
        const [from = 0, to = 0] = [intervalOf[list[i] ?? 0], intervalOf[list[i + 1] ?? 0]];
        for (let k = from; k <= to; k++) intervals[k]?.targets.push(list[i + 2] ?? 0);
        this.#spend(to - from + 1);
      }
    }
    return intervals.filter((interval) => interval.targets.length > 0);
  }

  #spend(count: number): void {
    this.#work += count;
    if (this.#work > MAX_WORK) throw new TooManyNodesError('subset construction: work');
  }
}

/**
 * Subset construction over bytes with bounded work. refa's own has a bound on states only, and removes epsilon edges
 * first: ten thousand optional parts in a row, `((a?){100}){100}`, then cost fifty million edges and half a minute.
 */
export function determinize(enfa: ENFA): DFA {
  const automaton = numbered(enfa);
  const walker = new Walker(automaton);
  const builder = new DFA.Builder(new DFA.LimitedNodeFactory(MAX_STATES));
  const nodes = new Map<string, DFA.Node>();
  const queue: { node: DFA.Node; members: Int32Array }[] = [];
  const nodeOf = (members: Int32Array, existing?: DFA.Node): DFA.Node => {
    const key = members.join();
    let node = nodes.get(key);
    if (node === undefined) {
      node = existing ?? builder.createNode();
      nodes.set(key, node);
      queue.push({ node, members });
      if (automaton.final !== undefined && members.includes(automaton.final)) builder.makeFinal(node);
    }
    return node;
  };
  nodeOf(walker.closure([0]), builder.initial);
  for (const { node, members } of queue) {
    for (const { min, max, targets } of walker.steps(members)) {
      builder.linkNodes(node, nodeOf(walker.closure(targets)), CharSet.fromRange(0xff, { min, max }));
    }
  }
  return DFA.fromBuilder(builder, { maxCharacter: 0xff });
}
