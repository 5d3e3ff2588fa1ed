import { isBackupCodeCount, isBackupCodes } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type {
  BackupCodeCount,
  BackupCodes,
  BearerRequest,
  RegenerateBackupCodesRequest,
  RequestOptions,
} from "../types.ts";

/** Backup codes, each of which stands in once for the authenticator app. */
export interface BackupCodesApi {
  /**
   * Tells how many backup codes are left.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN`, `MFA_NOT_ENROLLED`, and those of every call: `INVALID_CLIENT`,
   * `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`; and what `onRefresh` throws.
   */
  count(request: BearerRequest, options?: RequestOptions): Promise<BackupCodeCount>;
  /**
   * Gives out new backup codes, which are never shown again, and voids the old ones. Takes a code of the authenticator app.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN`, `MFA_INVALID_CODE`, `MFA_NOT_ENROLLED`, `ACCOUNT_LOCKED`,
   * `EMAIL_NOT_VERIFIED`, `ACTION_REQUIRED`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`,
   * `INTERNAL_ERROR`, `UNKNOWN`; and what `onRefresh` throws.
   */
  regenerate(request: RegenerateBackupCodesRequest, options?: RequestOptions): Promise<BackupCodes>;
}

const path = "/mfa/backup-codes";

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createBackupCodesApi(transport: Transport): BackupCodesApi {
  return {
    count: async ({ accessToken }, options) =>
      transport({ method: "GET", path, bearer: { accessToken }, accepts: isBackupCodeCount }, options),
    regenerate: async ({ accessToken, code }, options) =>
      transport({ method: "POST", path, bearer: { accessToken }, body: { code }, accepts: isBackupCodes }, options),
  };
}
