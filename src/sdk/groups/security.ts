import { isLockoutStatus } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type { LockoutStatus, LockoutStatusRequest, RequestOptions, UnlockRequest } from "../types.ts";

/** Lockouts, for the application's administrators. */
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
  };
}
