/** Messages between the control plane and a data-plane worker, msgpackr-packed over a MessagePort. */
import type { MessagePort } from 'node:worker_threads';

export interface CertificateFiles {
  /** Paths that BoringSSL can open: /proc/self/fd/N of a memory file. */
  certFile: string;
  keyFile: string;
  /** SNI names, exact or "*.suffix". The first certificate of a listener also answers every other name. */
  hosts: string[];
}

export interface ListenerSpec {
  name: string;
  host: string;
  /** 0 lets the kernel choose; the answer says which. */
  port: number;
  /** Downstream connections of this worker over all listeners; further ones are closed at once. 0 = no cap. */
  maxConnections: number;
  /** Forwarding headers, trusted peers or an access log need the client's address; reading it costs 0.3 us per request. */
  needsPeer: boolean;
  /** Largest WebSocket message of its routes, in bytes; 0 = none of them takes upgrades. */
  webSocketMaxMessage: number;
  /** `version` changes when any certificate does. */
  tls: null | { version: string; certificates: CertificateFiles[] };
}

export interface WorkerTask {
  workerIndex: number;
  workerCount: number;
  port: MessagePort;
  logLevel: string;
}

export type MainMessage =
  /** The complete set of listeners that is wanted from now on. */
  | { type: 'apply'; id: number; listeners: ListenerSpec[] }
  /**
   * Stop accepting, finish what is in flight, then answer `drained`. WebSockets may go on until the limit; those that did not
   * end by then are told that we are going away.
   */
  | { type: 'drain'; id: number; limitMs: number }
  | { type: 'logLevel'; id: number; level: string }
  /** Close everything now; the task resolves. */
  | { type: 'stop'; id: number };

export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'applied'; id: number; listening: { name: string; port: number }[]; failed: { name: string; message: string }[] }
  | { type: 'levelSet'; id: number }
  /** `complete`: nothing is in flight any more. */
  | { type: 'drained'; id: number; complete: boolean };
