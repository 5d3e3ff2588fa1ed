import type {
  BackupCodesRequest,
  MfaChallenge,
  MfaConfirmRequest,
  MfaDisableRequest,
  TokenSet,
} from "../contract/headless.ts";

export type {
  BackupCodeCount,
  BackupCodes,
  EmailConfirmRequest,
  EmailRequest,
  EmailVerified,
  LockoutStatus,
  LoginRequest,
  LogoutRequest,
  MfaChallenge as MfaChallengeResponse,
  MfaDisabled,
  MfaEnrollment,
  MfaEnrollmentConfirmed,
  MfaMethod,
  MfaStatus,
  MfaVerifyRequest,
  PasswordPolicy,
  PasswordResetRequest,
  RefreshRequest,
  Session,
  SessionList,
  SessionsRevoked,
  SignupRequest,
  SignupResult,
  TokenSet,
  UnlockRequest,
  User,
} from "../contract/headless.ts";

/** Tokens, or a challenge for a user with a second factor; `"mfaRequired" in result` tells them apart. */
export type LoginResult = TokenSet | MfaChallenge;

/** Names the user by a token of a session that they are logged in with. */
export interface BearerRequest {
  /** From a login, `mfa.verify` or a refresh of this app client. */
  accessToken: string;
}

/** A code of the authenticator app that is being enrolled. */
export interface ConfirmEnrollmentRequest extends BearerRequest, MfaConfirmRequest {}

/** A code of the second factor that is being switched off. */
export interface DisableMfaRequest extends BearerRequest, MfaDisableRequest {}

/** A code of the authenticator app, to get new backup codes. */
export interface RegenerateBackupCodesRequest extends BearerRequest, BackupCodesRequest {}

/** Names the user of a security or session call. */
export interface UserRequest {
  /** UUID. */
  userId: string;
}

/** Names the user of a security call. */
export type LockoutStatusRequest = UserRequest;

/** Names one session of a user. */
export interface RevokeSessionRequest extends UserRequest {
  /** The `id` of a session. */
  sessionId: string;
}

/** For calls that need no data. */
export type EmptyRequest = Record<string, never>;

/** The end user on whose behalf the application calls; feeds the per-address limits and the session list. */
export interface EndUser {
  /** IPv4 or IPv6 address. */
  ipAddress?: string | undefined;
  /** The browser's `User-Agent`; cut at 512 characters. */
  userAgent?: string | undefined;
}

/** The second argument of every method. */
export interface RequestOptions {
  endUser?: EndUser | undefined;
  /** Aborts the call; the promise then rejects with the signal's reason, as `fetch` does. */
  signal?: AbortSignal | undefined;
  /** Milliseconds until the complete answer must be there; default: the client's `timeoutMs`. */
  timeoutMs?: number | undefined;
}
