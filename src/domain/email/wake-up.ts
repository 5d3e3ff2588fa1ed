import type { Clock } from "../ports/clock.ts";
import type { MailOutbox } from "../ports/mail.ts";

/** Tells the worker of this process that there is a new job, so that it need not poll often. */
export interface WakeUp {
  wake(): void;
  /** Resolves when woken, after the time, or when aborted. A call of `wake` that nobody waited for counts for the next wait. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function createWakeUp(clock: Clock): WakeUp {
  let woken = false;
  let notify: (() => void) | undefined;

  return {
    wake() {
      woken = true;
      notify?.();
    },
    async wait(milliseconds, signal) {
      if (!woken && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        notify = resolve;
        signal.addEventListener("abort", notify, { once: true });
        await Promise.race([promise, clock.sleep(milliseconds)]);
        signal.removeEventListener("abort", notify);
        notify = undefined;
      }
      woken = false;
    },
  };
}

/** An outbox that wakes the worker of this process after each job that was added. */
export function createWakingOutbox(outbox: MailOutbox, wakeUp: Pick<WakeUp, "wake">): MailOutbox {
  return {
    ...outbox,
    async add(job) {
      await outbox.add(job);
      wakeUp.wake();
    },
  };
}
