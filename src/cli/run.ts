import { loadEngine } from '../control/engine.ts';
import { formatAddress } from '../control/listeners.ts';
import { onSignals } from '../control/shutdown.ts';
import { Supervisor } from '../control/supervisor.ts';
import { systemClock } from '../core/clock.ts';
import { createLogger, type Logger } from '../core/logger.ts';
import { AdminKeeper } from './admin-keeper.ts';
import { configSource } from './loading.ts';
import { printLine } from './output.ts';

/** Where a proxy that just started can be reached. */
export interface Addresses {
  listeners: { name: string; url: string }[];
  admin: string | null;
}

export interface RunOptions {
  file: string;
  /** Called when everything listens. Default: prints the addresses when a person looks. */
  onServing?: (addresses: Addresses) => void;
}

/** Runs the proxy until it is told to stop; returns the exit code. Throws a StartError when it cannot start. */
export async function run(options: RunOptions): Promise<number> {
  const log = createLogger();
  keepServing(log);
  const engine = await loadEngine();
  const supervisor = new Supervisor({
    source: configSource(options.file),
    engine,
    log,
    clock: systemClock,
    onConfig: (config) => admin.move(config.admin),
  });
  const admin = new AdminKeeper(supervisor, log);

  const stopped = new Promise<number>((resolve) => {
    void supervisor.stopped.then((ok) => resolve(ok ? 0 : 1));
    onSignals({
      reload: () => void supervisor.reload('SIGHUP'),
      reopenLogs: () => void supervisor.accessLog.reopen(),
      drain: (signal) => void supervisor.shutdown(signal),
      stopNow: (signal) => void supervisor.stopNow(signal),
    });
  });
  const started = start().then(
    () => stopped,
    async (error: unknown) => {
      // Told to stop while starting: that is not a failure to start.
      if (supervisor.phase !== 'starting') return stopped;
      await supervisor.abandon();
      throw error;
    },
  );

  async function start(): Promise<void> {
    const config = await supervisor.prepare();
    await admin.open(config.admin);
    await supervisor.start();
    if (supervisor.phase !== 'serving') return;
    const addresses: Addresses = {
      listeners: supervisor.listeners.map(({ name, host, port, tls }) => ({ name, url: `${tls ? 'https' : 'http'}://${formatAddress(host, port)}` })),
      admin: admin.address === null ? null : `http://${formatAddress(admin.address.host, admin.address.port)}`,
    };
    (options.onServing ?? printAddresses)(addresses);
  }

  const code = await Promise.race([started, stopped]);
  await admin.close();
  return code;
}

function printAddresses({ listeners, admin }: Addresses): void {
  if (!process.stdout.isTTY) return;
  for (const { name, url } of listeners) printLine(`listening on ${url} (${name})`);
  if (admin !== null) printLine(`admin on ${admin}`);
}

/** The control plane is not what serves requests: a defect in it is logged, and the workers go on. */
function keepServing(log: Logger): void {
  process.on('uncaughtException', (error) => log.error({ err: error }, 'uncaught exception in the control plane'));
  process.on('unhandledRejection', (reason) => log.error({ err: reason }, 'unhandled rejection in the control plane'));
}
