/** Says again what the store may not have heard. */
export interface Redelivery {
  /**
   * Runs the call; when it fails it fails here, too, and is repeated in the background until the store has taken it. The call
   * must do nothing the second time.
   *
   * @param again what is repeated, where that is not the call itself
   */
  deliver<T>(call: () => Promise<T>, again?: () => Promise<unknown>): Promise<T>;
  close(): void;
}

/**
 * Repeats what ends a hold, so that a connection lost at the wrong moment does not keep a gate shut until its lease ends. One
 * call at a time; the oldest goes when there are too many, or when it has waited for `keepMs`, by when the lease has ended.
 */
export function createRedelivery(deps: {
  readonly keepMs: number;
  /** Between two tries, in milliseconds. Default 250. */
  readonly pauseMs?: number;
  /** Calls that are kept. Default 1,000. */
  readonly maxKept?: number;
}): Redelivery {
  const { keepMs, pauseMs = 250, maxKept = 1_000 } = deps;
  const waiting: { readonly call: () => Promise<unknown>; readonly until: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function repeat(): Promise<void> {
    for (let next = waiting[0]; next !== undefined && !closed; next = waiting[0]) {
      const taken = await next.call().then(
        () => true,
        () => false,
      );
      if (!taken && performance.now() < next.until) break;
      // While it ran, it may have been pushed out.
      if (waiting[0] === next) waiting.shift();
    }
    timer = undefined;
    schedule();
  }

  function schedule(): void {
    if (closed || timer !== undefined || waiting.length === 0) return;
    timer = setTimeout(repeat, pauseMs);
    timer.unref();
  }

  return {
    async deliver(call, again = call) {
      try {
        return await call();
      } catch (error) {
        if (waiting.length >= maxKept) waiting.shift();
        waiting.push({ call: again, until: performance.now() + keepMs });
        schedule();
        throw error;
      }
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
