import type { BucketState } from "../domain/ports/admission.ts";

/** The state of a per-account limit would tell that the account exists: only these are shown. */
const shownPolicies = new Set(["client", "address"]);

/**
 * The `RateLimit-Policy` and `RateLimit` headers; none without states.
 *
 * @see draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4
 */
export function rateLimitHeaders(states: readonly BucketState[]): Record<string, string> {
  const shown = states.filter(({ policy }) => shownPolicies.has(policy));
  if (shown.length === 0) return {};
  return {
    "RateLimit-Policy": shown.map((state) => `"${state.policy}";q=${state.limit};w=${state.windowSeconds}`).join(", "),
    RateLimit: shown.map((state) => `"${state.policy}";r=${state.remaining};t=${state.resetSeconds}`).join(", "),
  };
}
