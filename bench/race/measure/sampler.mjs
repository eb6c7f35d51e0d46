/** Looks at a contender now and then during a run: the most memory that it had, and the CPU time of processes that end meanwhile. */
import { mergeCpu, readCpu } from './cpu.mjs';
import { readMemory } from './memory.mjs';

const EVERY_MS = 100;

export function startSampler(pid) {
  let cpu = readCpu(pid);
  let memory = readMemory(pid);
  const look = () => {
    cpu = mergeCpu(cpu, readCpu(pid));
    const now = readMemory(pid);
    memory = { rssKiB: Math.max(memory.rssKiB, now.rssKiB), pssKiB: Math.max(memory.pssKiB, now.pssKiB) };
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    /** Ends it; what it saw. */
    stop() {
      clearInterval(timer);
      look();
      return { cpu, memory };
    },
  };
}
