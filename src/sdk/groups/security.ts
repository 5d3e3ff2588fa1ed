import { isLockoutStatus, isPasswordPolicy } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type {
  EmptyRequest,
  LockoutStatus,
  LockoutStatusRequest,
  PasswordPolicy,
  RequestOptions,
  UnlockRequest,
} from "../types.ts";

/** Lockouts, for the application's administrators, and the rules for passwords. */
export interface SecurityApi {
  /**
   * Tells whether a user is locked out after failed attempts, and how many attempts are left.
   *
   * @throws {CalimaticAuthError} `USER_NOT_FOUND`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`,
   * `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  lockoutStatus(request: LockoutStatusRequest, options?: RequestOptions): Promise<LockoutStatus>;
  /**
   * Clears a user's lockout and counts of failed attempts; resolves to the status afterwards.
   *
   * @throws {CalimaticAuthError} `USER_NOT_FOUND`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`,
   * `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  unlock(request: UnlockRequest, options?: RequestOptions): Promise<LockoutStatus>;
  /**
   * Tells what the realm asks of a password, for a form's hints. The realm alone decides at signup and reset.
   *
   * @throws {CalimaticAuthError} those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`,
   * `INTERNAL_ERROR`, `UNKNOWN`.
   */
  passwordPolicy(request?: EmptyRequest, options?: RequestOptions): Promise<PasswordPolicy>;
}

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createSecurityApi(transport: Transport): SecurityApi {
  return {
    lockoutStatus: async ({ userId }, options) =>
      transport(
        { method: "GET", path: "/security/lockout-status", query: { userId }, accepts: isLockoutStatus },
        options,
      ),
    unlock: async ({ userId }, options) =>
      transport({ method: "POST", path: "/security/unlock", body: { userId }, accepts: isLockoutStatus }, options),
    passwordPolicy: async (_request, options) =>
      transport({ method: "GET", path: "/security/password-policy", accepts: isPasswordPolicy }, options),
  };
}
