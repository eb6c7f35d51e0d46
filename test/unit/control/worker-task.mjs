/**
 * A worker that speaks the protocol and listens on nothing. Names of listeners tell it how to behave: `crash` ends the
 * thread, `refuse` cannot be opened, `hold` never drains.
 */
import { pack, unpack } from 'msgpackr';

export default function run({ port, workerIndex }) {
  return new Promise((resolve) => {
    let names = [];
    const send = (message) => port.postMessage(new Uint8Array(pack(message)));
    port.on('message', (bytes) => {
      const message = unpack(bytes);
      if (message.type === 'apply') {
        names = message.listeners.map(({ name }) => name);
        if (names.includes(`crash-${workerIndex}`)) process.exit(7);
        const failed = names.filter((name) => name === 'refuse').map((name) => ({ name, message: 'not today' }));
        const listening = message.listeners.filter(({ name }) => name !== 'refuse').map(({ name, port: at }) => ({ name, port: at }));
        send({ type: 'applied', id: message.id, listening, failed });
      } else if (message.type === 'drain') {
        if (!names.includes('hold')) send({ type: 'drained', id: message.id, complete: true });
      } else {
        port.close();
        resolve();
      }
    });
    send({ type: 'ready' });
  });
}
