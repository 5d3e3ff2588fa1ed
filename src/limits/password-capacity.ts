import type { Clock } from "../domain/ports/clock.ts";
import type { CapacityOutcome, PasswordCapacity } from "../domain/ports/password-capacity.ts";

/**
 * Lets so much work run at a time, so much wait, and nothing wait for longer than that; first come first served. The bounds
 * are this process's own: gateways that stand beside it have theirs.
 */
export function createPasswordCapacity(deps: {
  /** Work under way at a time. */
  readonly concurrency: number;
  /** Work that may wait for its turn. */
  readonly queueLimit: number;
  /** The longest wait for a turn. */
  readonly waitMs: number;
  readonly clock: Pick<Clock, "sleep">;
}): PasswordCapacity {
  const { concurrency, queueLimit, waitMs, clock } = deps;
  const busy = { kind: "busy", retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) } as const;
  /** Each is told once whether its turn has come; who is told so owns a place. */
  const queue = new Set<(hasTurn: boolean) => void>();
  let running = 0;

  function turn(): Promise<boolean> {
    if (running < concurrency) {
      running += 1;
      return Promise.resolve(true);
    }
    if (queue.size >= queueLimit) return Promise.resolve(false);
    return new Promise((resolve) => {
      queue.add(resolve);
      void clock.sleep(waitMs).then(() => {
        if (queue.delete(resolve)) resolve(false);
      });
    });
  }

  /** Hands the place to the one that has waited longest. */
  function endTurn(): void {
    const [next] = queue;
    if (next === undefined) {
      running -= 1;
      return;
    }
    queue.delete(next);
    next(true);
  }

  return {
    async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<CapacityOutcome<T>> {
      if (!(await turn())) return busy;
      try {
        return signal?.aborted ? busy : { kind: "done", value: await work() };
      } finally {
        endTurn();
      }
    },
  };
}
