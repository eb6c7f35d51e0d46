/** What `promise` resolves to, or `late` when it takes longer than `limitMs` or the signal fires first. The promise itself goes on. */
export async function within<T, L>(promise: Promise<T>, limitMs: number, late: L, signal?: AbortSignal): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<L>((resolve) => {
        timer = setTimeout(resolve, limitMs, late);
        onAbort = () => resolve(late);
        if (signal?.aborted === true) onAbort();
        else signal?.addEventListener('abort', onAbort, { once: true });
      }),
    ]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}
