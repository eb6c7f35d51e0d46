/** Waiting for conditions, never for time: a look every few milliseconds until it holds, and a limit that only a failure reaches. */
const LOOK_EVERY_MS = 10;
export const LIMIT_MS = 10_000;

export const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Repeats `probe` until it neither throws nor gives false; its result. */
export async function eventually<T>(probe: () => T | Promise<T>, limitMs = LIMIT_MS): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    let why: unknown = new Error(`still false: ${probe.toString()}`);
    try {
      const result = await probe();
      if (result !== false) return result;
    } catch (error) {
      why = error;
    }
    if (performance.now() > deadline) throw why;
    await turn(LOOK_EVERY_MS);
  }
}

/** The promise, or an error that says what was waited for. */
export async function within<T>(promise: Promise<T>, what: string | (() => string), limitMs = LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${typeof what === 'string' ? what : what()}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const STALL_MS = 300;
/** Resolves when a number has stopped moving. */
export async function still(read: () => number): Promise<number> {
  let last = -1;
  while (last !== read()) {
    last = read();
    await turn(STALL_MS);
  }
  return last;
}
