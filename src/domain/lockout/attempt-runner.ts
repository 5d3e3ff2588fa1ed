import { AuthError } from "../../contract/errors.ts";
import type { Admission, AttemptBudget, AttemptResult, Refused, Settled } from "../ports/admission.ts";
import type { Clock } from "../ports/clock.ts";
import { UpstreamUnavailable } from "../ports/faults.ts";
import type { RequestLimits } from "../ports/request-limits.ts";

/** How long to wait before a refused grant is repeated, in milliseconds. */
const repetitionDelayMs = 100;

/**
 * The fault of a repetition. Its first grant was answered: credentials reached the identity provider and were refused, so
 * whatever kept the second answer away, this is not an attempt that revealed nothing.
 */
function repetitionFault(fault: unknown): unknown {
  if (!(fault instanceof UpstreamUnavailable)) return fault;
  return new UpstreamUnavailable("The repetition of a refused grant got no verdict", "unknown", fault);
}

/** What one attempt came to. */
export interface AttemptVerdict<T> {
  readonly result: AttemptResult;
  readonly value: T;
  /** A store write that can go out in the same round trip as the verdict. */
  readonly alongside?: () => Promise<void>;
  /** Takes back what the attempt opened at the identity provider, should the verdict not reach the store. */
  readonly undo?: () => Promise<void>;
}

/** What an attempt may use while it holds the account's gate. */
export interface AttemptContext {
  /** The store's clock at the entry, milliseconds since the epoch. */
  readonly storeTime: number;
  /**
   * Makes a grant, and makes it once more when it was refused right after another grant of the same account: Keycloak
   * refuses right credentials while its mark of the former grant stands. Both are the same attempt.
   */
  grant<T extends { readonly kind: string }>(call: () => Promise<T>): Promise<T>;
}

/** An attempt to be counted and run. */
export interface AttemptRequest {
  readonly account: string;
  readonly budget: AttemptBudget;
  /** See `AccountEntry.notInvalidatedSince`. */
  readonly notInvalidatedSince?: number;
  readonly limits: RequestLimits;
  readonly signal?: AbortSignal | undefined;
}

export interface AttemptRunner {
  /**
   * Runs an attempt under the account's gate: counted before it starts, given back when it turns out right.
   *
   * @throws AuthError RATE_LIMITED, ACCOUNT_LOCKED, MFA_CHALLENGE_EXPIRED (invalidated since)
   * @throws UpstreamUnavailable, StoreUnavailable; then nothing that the attempt opened is left open
   */
  run<T>(
    request: AttemptRequest,
    attempt: (context: AttemptContext) => Promise<AttemptVerdict<T>>,
  ): Promise<AttemptOutcome<T>>;
}

/** What a counted attempt came to. */
export interface AttemptOutcome<T> extends Settled {
  readonly value: T;
}

/** The error of a refused entry. */
export function refusalError(refused: Refused): AuthError {
  switch (refused.kind) {
    case "limited":
    case "busy":
      return new AuthError("RATE_LIMITED", { retryAfterSeconds: refused.retryAfterSeconds });
    case "locked":
      return new AuthError("ACCOUNT_LOCKED", { retryAfterSeconds: refused.retryAfterSeconds });
    case "invalidated":
      return new AuthError("MFA_CHALLENGE_EXPIRED");
  }
}

export function createAttemptRunner(deps: { readonly admission: Admission; readonly clock: Clock }): AttemptRunner {
  const { admission, clock } = deps;

  return {
    async run(request, attempt) {
      const { account, budget, notInvalidatedSince, limits } = request;
      const entry = await admission.enterAccount(
        { account, attempt: budget, ...(notInvalidatedSince === undefined ? {} : { notInvalidatedSince }) },
        [...limits.take(), limits.account(account)],
        request.signal,
      );
      limits.report(entry.buckets);
      if (entry.kind !== "admitted") throw refusalError(entry);

      let verdict: Awaited<ReturnType<typeof attempt>>;
      try {
        verdict = await attempt({
          storeTime: entry.storeTime,
          async grant(call) {
            const first = await call();
            if (first.kind !== "rejected" || !entry.followsAnother) return first;
            await clock.sleep(repetitionDelayMs);
            return call().catch((fault: unknown) => {
              throw repetitionFault(fault);
            });
          },
        });
      } catch (error) {
        // An attempt without a verdict stays counted unless it surely revealed nothing, so that a fault cannot win a guess.
        const harmless = error instanceof UpstreamUnavailable && error.fate !== "unknown";
        await admission.settleAccount(entry.ticket, harmless ? "returned" : "unknown", budget).catch(() => undefined);
        throw error;
      }

      try {
        const [settled] = await Promise.all([
          admission.settleAccount(entry.ticket, verdict.result, budget),
          verdict.alongside?.(),
        ]);
        return { ...settled, value: verdict.value };
      } catch (error) {
        await verdict.undo?.().catch(() => undefined);
        throw error;
      }
    },
  };
}
