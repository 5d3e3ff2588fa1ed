import type { Clock } from "../ports/clock.ts";
import type { MailOutbox } from "../ports/mail.ts";
import type { Random } from "../ports/random.ts";

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

/** The work on a new job begins within this, in milliseconds. */
const wakingMs = 500;

/** A random number from 0 up to 1. */
function fraction(random: Random): number {
  return Buffer.from(random.token(4), "base64url").readUInt32BE() / 2 ** 32;
}

/**
 * An outbox that wakes the worker of this process after each job that was added, at no certain time: there is more to do for an
 * address with an account, and a request of that very moment takes longer.
 */
export function createWakingOutbox(deps: {
  readonly outbox: MailOutbox;
  readonly wakeUp: Pick<WakeUp, "wake">;
  readonly clock: Clock;
  readonly random: Random;
}): MailOutbox {
  const { outbox, wakeUp, clock, random } = deps;
  return {
    ...outbox,
    async add(job) {
      await outbox.add(job);
      void clock.sleep(Math.floor(fraction(random) * wakingMs)).then(wakeUp.wake);
    },
  };
}
