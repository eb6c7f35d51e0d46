/** What the process does on signals, and nothing about how: it never exits by itself. */
export interface SignalActions {
  /** SIGHUP. */
  reload: () => void;
  /** SIGUSR1: files of the access log were renamed. */
  reopenLogs: () => void;
  /** First SIGTERM or SIGINT. */
  drain: (signal: NodeJS.Signals) => void;
  /** Another one of them: the operator does not want to wait. */
  stopNow: (signal: NodeJS.Signals) => void;
}

/** Listens for signals on `source` (the process); returns the undo. */
export function onSignals(actions: SignalActions, source: NodeJS.EventEmitter = process): () => void {
  let asked = false;
  const terminate = (signal: NodeJS.Signals): void => {
    if (asked) actions.stopNow(signal);
    else actions.drain(signal);
    asked = true;
  };
  const hangUp = (): void => actions.reload();
  // Node would start its debugger for it.
  const rotated = (): void => actions.reopenLogs();
  source.on('SIGTERM', terminate).on('SIGINT', terminate).on('SIGHUP', hangUp).on('SIGUSR1', rotated);
  return () => {
    source.off('SIGTERM', terminate).off('SIGINT', terminate).off('SIGHUP', hangUp).off('SIGUSR1', rotated);
  };
}
