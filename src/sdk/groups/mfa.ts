import { isMfaDisabled, isMfaEnrollment, isMfaEnrollmentConfirmed, isMfaStatus, isTokenSet } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type {
  BearerRequest,
  ConfirmEnrollmentRequest,
  DisableMfaRequest,
  MfaDisabled,
  MfaEnrollment,
  MfaEnrollmentConfirmed,
  MfaStatus,
  MfaVerifyRequest,
  RequestOptions,
  TokenSet,
} from "../types.ts";
import { type BackupCodesApi, createBackupCodesApi } from "./backup-codes.ts";

/** The second factor. */
export interface MfaApi {
  /**
   * Completes a login with a code of the second factor. `mfaToken` and the possible methods come from the challenge.
   *
   * After `MFA_INVALID_CODE` the same challenge takes another code, five wrong ones in all.
   *
   * @throws {CalimaticAuthError} `MFA_INVALID_CODE`, `MFA_CHALLENGE_EXPIRED` (log in again), `ACCOUNT_LOCKED`,
   * `EMAIL_NOT_VERIFIED`, `APP_NOT_LICENSED`, `ACTION_REQUIRED`, and those of every call: `INVALID_CLIENT`,
   * `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  verify(request: MfaVerifyRequest, options?: RequestOptions): Promise<TokenSet>;
  /**
   * Tells whether the user has a second factor, and how many backup codes are left.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`,
   * `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`; and what `onRefresh` throws.
   */
  status(request: BearerRequest, options?: RequestOptions): Promise<MfaStatus>;
  /**
   * Begins to enrol an authenticator app: show the user the QR code or the secret, and ask for a code for
   * `confirmEnrollment`. Nothing changes for the user before that. A new call replaces an earlier one.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN`, `MFA_ALREADY_ENROLLED`, and those of every call: `INVALID_CLIENT`,
   * `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`; and what `onRefresh` throws.
   */
  enroll(request: BearerRequest, options?: RequestOptions): Promise<MfaEnrollment>;
  /**
   * Switches the second factor on with a first code of the authenticator app. Resolves to the backup codes, which are never
   * shown again.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN`, `MFA_INVALID_CODE`, `MFA_ALREADY_ENROLLED`, `MFA_NOT_ENROLLED` (nothing to
   * confirm, or it took too long: call `enroll` again), and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`,
   * `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`; and what `onRefresh` throws.
   */
  confirmEnrollment(request: ConfirmEnrollmentRequest, options?: RequestOptions): Promise<MfaEnrollmentConfirmed>;
  /**
   * Switches the second factor off, with a code of the authenticator app or, as `method: "backup_code"`, a backup code.
   *
   * @throws {CalimaticAuthError} `INVALID_TOKEN`, `MFA_INVALID_CODE`, `MFA_NOT_ENROLLED`, `ACCOUNT_LOCKED`,
   * `EMAIL_NOT_VERIFIED`, `ACTION_REQUIRED`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`,
   * `INTERNAL_ERROR`, `UNKNOWN`; and what `onRefresh` throws.
   */
  disable(request: DisableMfaRequest, options?: RequestOptions): Promise<MfaDisabled>;
  readonly backupCodes: BackupCodesApi;
}

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createMfaApi(transport: Transport): MfaApi {
  return {
    verify: async ({ mfaToken, code, method }, options) =>
      transport(
        { method: "POST", path: "/mfa/verify", body: { mfaToken, code, method }, accepts: isTokenSet },
        options,
      ),
    status: async ({ accessToken }, options) =>
      transport({ method: "GET", path: "/mfa/status", bearer: { accessToken }, accepts: isMfaStatus }, options),
    enroll: async ({ accessToken }, options) => {
      const call = { method: "POST", path: "/mfa/enroll", bearer: { accessToken }, body: {} } as const;
      return transport({ ...call, accepts: isMfaEnrollment }, options);
    },
    confirmEnrollment: async ({ accessToken, code }, options) => {
      const call = { method: "POST", path: "/mfa/enroll/confirm", bearer: { accessToken }, body: { code } } as const;
      return transport({ ...call, accepts: isMfaEnrollmentConfirmed }, options);
    },
    disable: async ({ accessToken, code, method }, options) => {
      const call = { method: "POST", path: "/mfa/disable", bearer: { accessToken }, body: { code, method } } as const;
      return transport({ ...call, accepts: isMfaDisabled }, options);
    },
    backupCodes: createBackupCodesApi(transport),
  };
}
