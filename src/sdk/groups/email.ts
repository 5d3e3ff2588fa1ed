import { isAnyObject, isEmailVerified } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type { EmailConfirmRequest, EmailRequest, EmailVerified, RequestOptions } from "../types.ts";

/** E-mail addresses. */
export interface EmailApi {
  /**
   * Sends a mail with a link that verifies the address, good for 24 hours; an earlier link is void then. Resolves in the same
   * way for an address that is not registered or verified already.
   *
   * @throws {CalimaticAuthError} those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`,
   * `INTERNAL_ERROR`, `UNKNOWN`.
   */
  sendVerification(request: EmailRequest, options?: RequestOptions): Promise<void>;
  /**
   * Verifies an address with the token of the link, which is the parameter `token` of the page that it opens.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN` (bad, used, replaced or too old: send a new mail), and those of every call:
   * `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  confirmVerification(request: EmailConfirmRequest, options?: RequestOptions): Promise<EmailVerified>;
}

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createEmailApi(transport: Transport): EmailApi {
  return {
    sendVerification: async ({ email }, options) => {
      await transport({ method: "POST", path: "/email/verify-send", body: { email }, accepts: isAnyObject }, options);
    },
    confirmVerification: async ({ token }, options) =>
      transport({ method: "POST", path: "/email/verify-confirm", body: { token }, accepts: isEmailVerified }, options),
  };
}
