import { isTokenSet } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type { MfaVerifyRequest, RequestOptions, TokenSet } from "../types.ts";

/** The second factor. */
export interface MfaApi {
  /**
   * Completes a login with a code of the second factor. `mfaToken` and the possible methods come from the challenge.
   *
   * After `MFA_INVALID_CODE` the same challenge takes another code, five wrong ones in all.
   *
   * @throws {CalimaticAuthError} `MFA_INVALID_CODE`, `MFA_CHALLENGE_EXPIRED` (log in again), `ACCOUNT_LOCKED`, and those of
   * every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  verify(request: MfaVerifyRequest, options?: RequestOptions): Promise<TokenSet>;
}

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createMfaApi(transport: Transport): MfaApi {
  return {
    verify: async ({ mfaToken, code, method }, options) =>
      transport(
        { method: "POST", path: "/mfa/verify", body: { mfaToken, code, method }, accepts: isTokenSet },
        options,
      ),
  };
}
