import { AuthError } from "../contract/errors.ts";
import type { Admission, Bucket, BucketState } from "../domain/ports/admission.ts";
import type { KeyedHash } from "../domain/ports/keyed-hash.ts";
import type { RequestLimits } from "../domain/ports/request-limits.ts";
import { addressSubject } from "./address-subject.ts";
import type { RatePolicies } from "./policies.ts";

/** The limits of one request, as the front holds them. */
export interface ChargeableLimits extends RequestLimits {
  /**
   * Charges what no service has taken; does nothing when all was taken.
   *
   * @throws AuthError RATE_LIMITED
   */
  chargeRest(): Promise<void>;
  /** What the client's and the address's bucket hold after the charge; empty before it. */
  readonly states: readonly BucketState[];
}

export interface RequestLimiter {
  /** The limits of a request of an authenticated app client, made for an end user at a canonical address. */
  forRequest(request: { readonly clientId: string; readonly address: string }): ChargeableLimits;
}

export function createRequestLimiter(deps: {
  readonly admission: Admission;
  readonly hash: KeyedHash;
  readonly policies: RatePolicies;
}): RequestLimiter {
  const { admission, hash, policies } = deps;

  return {
    forRequest({ clientId, address }) {
      let rest: readonly Bucket[] = [
        { policy: "client", subject: clientId, ...policies.client },
        { policy: "address", subject: hash("address", addressSubject(address)), ...policies.address },
      ];
      function take(): readonly Bucket[] {
        const taken = rest;
        rest = [];
        return taken;
      }
      function report(reported: readonly BucketState[]): void {
        const shown = reported.filter(({ policy }) => policy !== "account");
        // A service that has found the buckets charged reports its account's only.
        if (shown.length > 0) held.states = shown;
      }

      const held = {
        states: [] as readonly BucketState[],
        take,
        report,
        account: (account: string): Bucket => ({
          policy: "account",
          subject: account,
          ...policies.account,
          afterLock: true,
        }),
        async chargeRest(): Promise<void> {
          const buckets = take();
          if (buckets.length === 0) return;
          const charge = await admission.charge(buckets);
          report(charge.buckets);
          if (charge.kind === "limited") {
            throw new AuthError("RATE_LIMITED", { retryAfterSeconds: charge.retryAfterSeconds });
          }
        },
      };
      return held;
    },
  };
}
