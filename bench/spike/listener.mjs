/**
 * Takes the place of dist/worker/uws-listener.js in the overlay: listeners without TLS are the spike's, in the reactor of their
 * worker; the others are the shipped ones.
 */
import { addon } from '../binding/load.js';
import { UwsListener as ShippedListener } from './uws-listener-shipped.js';

export { headLengths } from './uws-listener-shipped.js';

/** Tables whose number of requests under way includes the spike's, so that a drain waits for them. */
const counted = new WeakSet();

function countRequests(table) {
  if (counted.has(table)) return;
  counted.add(table);
  let own = table.active;
  Object.defineProperty(table, 'active', {
    get: () => own + addon.spikeActive(),
    set: (value) => (own = value - addon.spikeActive()),
  });
}

class PlainListener {
  constructor(spec, table, cap) {
    this.spec = spec;
    this.port = 0;
    this.table = table;
    this.cap = cap;
    this.id = -1;
    countRequests(table);
  }

  listen() {
    const bound = addon.spikeListen(addon.listenerKey(this.spec.name), this.spec.host, this.spec.port, this.cap.max);
    if (typeof bound === 'number') return false;
    this.id = bound.id;
    this.port = bound.port;
    return true;
  }

  update(spec) {
    this.spec = { ...spec, port: this.port };
  }

  stopAccepting() {
    if (this.id >= 0) addon.spikeStopAccepting(this.id, this.table.draining);
  }

  get connections() {
    return this.id >= 0 ? addon.spikeConnections(this.id) : 0;
  }

  close() {
    if (this.id >= 0) addon.spikeClose(this.id);
  }
}

export class UwsListener {
  constructor(spec, table, cap) {
    return spec.tls === null ? new PlainListener(spec, table, cap) : new ShippedListener(spec, table, cap);
  }
}
