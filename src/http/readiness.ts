import type { Logger } from "../observability/log.ts";

/** Resolves when the part can be used, rejects when not. */
export type ReadinessCheck = () => Promise<void>;

/** Whether each part is up. */
export type UpParts = ReadonlyMap<string, boolean>;

/** How long a check may take before its part counts as down. */
const checkTimeoutMs = 2_000;
/** How long a result is given out again: probes must not add up to load. */
const cachedForMs = 1_000;

/**
 * Creates the function that tells of each part whether it is up. The checks run in parallel; however many ask, one round of
 * them is under way at a time. A change of a part's state is logged once.
 *
 * @param deps.monotonicNow milliseconds on a clock that never jumps
 */
export function createReadiness(deps: {
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly log: Logger;
  readonly monotonicNow: () => number;
}): () => Promise<UpParts> {
  const { checks, log, monotonicNow } = deps;
  const last = new Map<string, boolean>();
  let running: Promise<UpParts> | undefined;
  let cached: { readonly result: UpParts; readonly until: number } | undefined;

  async function isUp(part: string, check: ReadinessCheck): Promise<boolean> {
    const failure = await within(checkTimeoutMs, check).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const up = failure === undefined;
    if (last.get(part) !== up) {
      if (failure !== undefined) log.warn({ part, err: failure.error }, "part is down");
      else if (last.has(part)) log.info({ part }, "part is up again");
      last.set(part, up);
    }
    return up;
  }

  async function round(): Promise<UpParts> {
    const entries = Object.entries(checks);
    return new Map(await Promise.all(entries.map(async ([part, check]) => [part, await isUp(part, check)] as const)));
  }

  return async () => {
    if (cached !== undefined && monotonicNow() < cached.until) return cached.result;
    running ??= round().finally(() => {
      running = undefined;
    });
    const result = await running;
    cached = { result, until: monotonicNow() + cachedForMs };
    return result;
  };
}

async function within(timeoutMs: number, check: ReadinessCheck): Promise<void> {
  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    await Promise.race([check(), timedOut]);
  } finally {
    clearTimeout(timer);
  }
}
