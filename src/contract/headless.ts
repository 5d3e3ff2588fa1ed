/** The wire types of the headless API, version 1. Times are ISO 8601 UTC with milliseconds, durations whole seconds. */

/** Where the headless API is mounted. */
export const headlessBasePath = "/api/v1/auth/headless";

/** The logged-in user, from the token's claims. */
export interface User {
  /** UUID. */
  userId: string;
  email: string;
  firstName: string;
  lastName: string;
  /** Set when the user is a member of exactly one organization. */
  organizationId?: string;
  /** Set when the user is a member of exactly one organization. */
  orgName?: string;
  /** App client ids that the user has a licence for. */
  licenses?: string[];
}

/** The answer of a complete login, of `mfa/verify` and of `refresh`. */
export interface TokenSet {
  accessToken: string;
  refreshToken: string;
  idToken: string;
  /** When the access token ends. */
  expiresAt: string;
  user: User;
}

export type MfaMethod = "totp" | "backup_code";

/** The answer of `login` for a user with a second factor. No session exists yet. */
export interface MfaChallenge {
  mfaRequired: true;
  /** `mfa_` and 256 random bits in base64url. */
  mfaToken: string;
  /** Seconds until the challenge ends. */
  expiresIn: number;
  methods: MfaMethod[];
  user: { userId: string; email: string; firstName: string };
}

export interface LockoutStatus {
  locked: boolean;
  /** Null when the account is not locked. */
  remainingLockoutSeconds: number | null;
  attemptsRemaining: number;
  /** Null when the account is not locked. */
  lockedUntil: string | null;
  maxAttempts: number;
  lockoutDurationMinutes: number;
}

export interface LoginRequest {
  email: string;
  password: string;
}
export interface RefreshRequest {
  refreshToken: string;
}
export interface LogoutRequest {
  refreshToken: string;
}
export interface MfaVerifyRequest {
  mfaToken: string;
  code: string;
  method: MfaMethod;
}
export interface UnlockRequest {
  userId: string;
}

/** The body of every error. */
export interface ErrorBody {
  code: string;
  message: string;
  requestId: string;
  details?: { path: string; message: string }[] | { requiredActions: string[] } | { retryAfterSeconds: number };
}
