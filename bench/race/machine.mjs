/** The machine of a race, as far as it bears on the figures. */
import { readFileSync, readdirSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { spawnSync } from 'node:child_process';

const VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities';

function read(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null; // not on this kernel
  }
}

function mitigations() {
  try {
    return Object.fromEntries(readdirSync(VULNERABILITIES).map((name) => [name, read(`${VULNERABILITIES}/${name}`)]));
  } catch {
    return {};
  }
}

export const loadNow = () => Number(loadavg()[0].toFixed(2));

export function describeMachine() {
  const openFiles = /^Max open files\s+(\d+)/m.exec(read('/proc/self/limits') ?? '')?.[1];
  return {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: release(),
    distribution: /^PRETTY_NAME="?([^"\n]+)/m.exec(read('/etc/os-release') ?? '')?.[1] ?? 'unknown',
    node: process.version,
    virtual: spawnSync('systemd-detect-virt', ['-q']).status === 0 || / hypervisor\b/.test(read('/proc/cpuinfo') ?? ''),
    loadBefore: loadNow(),
    congestion: read('/proc/sys/net/ipv4/tcp_congestion_control'),
    mitigations: mitigations(),
    limits: {
      openFiles: Number(openFiles),
      somaxconn: Number(read('/proc/sys/net/core/somaxconn')),
      portRange: read('/proc/sys/net/ipv4/ip_local_port_range')?.replace(/\s+/, '-'),
      tcpTwReuse: Number(read('/proc/sys/net/ipv4/tcp_tw_reuse')),
    },
  };
}
