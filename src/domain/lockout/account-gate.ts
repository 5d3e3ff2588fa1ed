import type { Admission } from "../ports/admission.ts";
import { StoreUnavailable } from "../ports/faults.ts";
import { refusalError } from "./attempt-runner.ts";

/** Changes of an account, one at a time over all instances, and never beside a login of it. */
export interface AccountGate {
  /**
   * Runs work that is no attempt: nothing is counted, and a lock does not matter. The wait for the gate is bounded.
   *
   * @throws AuthError RATE_LIMITED: too many wait for this account, or the wait took too long
   */
  run<T>(account: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createAccountGate(deps: { readonly admission: Admission }): AccountGate {
  const { admission } = deps;
  return {
    async run(account, work, signal) {
      const entry = await admission.enterAccount({ account }, [], signal);
      if (entry.kind !== "admitted") throw refusalError(entry);
      try {
        return await work();
      } finally {
        // Of an entry without an attempt, this verdict leaves counts and lock alone.
        await admission.settleAccount(entry.ticket, "unknown").catch((error: unknown) => {
          // The work is done; the gate's lease ends by itself.
          if (!(error instanceof StoreUnavailable)) throw error;
        });
      }
    },
  };
}
