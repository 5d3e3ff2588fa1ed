import { isAnyObject } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type { EmailRequest, PasswordResetRequest, RequestOptions } from "../types.ts";

/** Forgotten passwords. */
export interface PasswordApi {
  /**
   * Sends a mail with a link to set a new password, good for 30 minutes; an earlier link is void then. Resolves in the same
   * way for an address that is not registered.
   *
   * @throws {CalimaticAuthError} those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`,
   * `INTERNAL_ERROR`, `UNKNOWN`.
   */
  resetSend(request: EmailRequest, options?: RequestOptions): Promise<void>;
  /**
   * Sets a new password with the token of the link, which is the parameter `token` of the page that it opens. All sessions of
   * the user end and a lockout is lifted; a second factor stays on.
   *
   * A password that breaks the realm's policy is a `VALIDATION_ERROR` that names the rule, and does not use up the token.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN` (bad, used, replaced or too old: send a new mail), and those of every call:
   * `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  resetConfirm(request: PasswordResetRequest, options?: RequestOptions): Promise<void>;
}

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createPasswordApi(transport: Transport): PasswordApi {
  return {
    resetSend: async ({ email }, options) => {
      await transport({ method: "POST", path: "/password/reset-send", body: { email }, accepts: isAnyObject }, options);
    },
    resetConfirm: async ({ token, newPassword }, options) => {
      const body = { token, newPassword };
      await transport({ method: "POST", path: "/password/reset-confirm", body, accepts: isAnyObject }, options);
    },
  };
}
