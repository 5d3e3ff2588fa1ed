/** The time-out of one call, joined with the caller's own signal. */
export interface Deadline {
  /** Fires when the time is up or the caller aborts. */
  readonly signal: AbortSignal;
  /** Who ended the call, if anyone did. */
  readonly endedBy: "caller" | "timeout" | undefined;
  /** Settles like `work`, but rejects as soon as the signal fires, also when `work` does not heed the signal. */
  race<T>(work: Promise<T>): Promise<T>;
  /** Stops the timer and lets go of the caller's signal. */
  stop(): void;
}

/**
 * Starts the clock. The caller's signal must not have fired yet.
 *
 * `AbortSignal.any` would join the two, but Node 18 does not have it.
 */
export function startDeadline(timeoutMs: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  let endedBy: Deadline["endedBy"];

  const onCallerAbort = (): void => end("caller", caller?.reason);
  const onTimeout = (): void =>
    end("timeout", new DOMException(`No complete answer within ${timeoutMs} ms.`, "TimeoutError"));
  const timer = setTimeout(onTimeout, timeoutMs);
  function stop(): void {
    clearTimeout(timer);
    caller?.removeEventListener("abort", onCallerAbort);
  }
  function end(by: "caller" | "timeout", reason: unknown): void {
    stop();
    endedBy = by;
    controller.abort(reason);
  }

  const ended = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  ended.catch(() => {}); // It may fire while nobody races it.

  caller?.addEventListener("abort", onCallerAbort, { once: true });

  return {
    signal,
    get endedBy() {
      return endedBy;
    },
    race: (work) => Promise.race([work, ended]),
    stop,
  };
}
