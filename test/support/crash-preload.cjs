/**
 * Loaded into a proxy under test by NODE_OPTIONS, so that production code needs no hook: a data-plane thread (one that has loaded
 * the listener) throws where nobody catches, once for each file that appears under the name in MILLRACE_TEST_CRASH.
 */
const { unlinkSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const LOOK_EVERY_MS = 20;

if (!isMainThread) {
  setInterval(() => {
    if (!Object.keys(require.cache).some((file) => /uws/i.test(file) && file !== __filename)) return;
    try {
      unlinkSync(process.env.MILLRACE_TEST_CRASH);
    } catch {
      return; // not asked to, or another thread was first
    }
    throw new Error('crash on demand');
  }, LOOK_EVERY_MS).unref();
}
