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

/** The answer of `signup`. No session exists yet. */
export interface SignupResult {
  user: { userId: string; email: string; firstName: string; lastName: string };
  /** Whether the address must be verified before the user can log in; the mail is on its way then. */
  emailVerificationRequired: boolean;
}

export interface MfaStatus {
  enabled: boolean;
  /** Ways in which the user can answer a challenge now; empty when no second factor is enrolled. */
  methods: MfaMethod[];
  backupCodesRemaining: number;
}

/** The answer of `mfa/enroll`: what an authenticator app needs. Nothing is enrolled before it is confirmed. */
export interface MfaEnrollment {
  /** Base32. */
  secret: string;
  /** `otpauth://totp/…`, the content of the QR code. */
  otpauthUri: string;
  /** The QR code, `data:image/png;base64,…`. */
  qrCode: string;
  /** Seconds in which it can be confirmed. */
  expiresIn: number;
}

/** The answer of `mfa/enroll/confirm`. */
export interface MfaEnrollmentConfirmed {
  enabled: true;
  /** Shown this once. */
  backupCodes: string[];
}

/** The answer of `mfa/disable`. */
export interface MfaDisabled {
  enabled: false;
}

export interface BackupCodeCount {
  remaining: number;
  /** How many were given out together. */
  total: number;
}

/** The answer of `POST mfa/backup-codes`; earlier codes are void. */
export interface BackupCodes {
  /** Shown this once. */
  backupCodes: string[];
}

export interface Session {
  /** 24 URL-safe characters. */
  id: string;
  /** Display name of the app, its client id where it has none. */
  application: string;
  ipAddress?: string;
  userAgent?: string;
  createdAt: string;
  lastActiveAt: string;
}

/** The answer of `GET sessions`. */
export interface SessionList {
  sessions: Session[];
}

/** The answer of `DELETE sessions`. */
export interface SessionsRevoked {
  /** How many sessions were ended. */
  revoked: number;
}

/** The answer of `email/verify-confirm`. */
export interface EmailVerified {
  userId: string;
  email: string;
  verified: true;
}

/** What the realm asks of a password. A count is 0 and a flag false where it has no such rule. */
export interface PasswordPolicy {
  minLength: number;
  maxLength: number;
  minUppercase: number;
  minLowercase: number;
  minDigits: number;
  minSpecial: number;
  notEmail: boolean;
  notUsername: boolean;
  /** How many former passwords are refused. */
  history: number;
  /** Whether commonly used passwords are refused. */
  blocklist: boolean;
  /** A Java regular expression that the whole password must match. */
  regex?: string;
}

export interface LoginRequest {
  email: string;
  password: string;
}
export interface SignupRequest {
  email: string;
  password: string;
  firstName: string;
  lastName: string;
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
export interface MfaConfirmRequest {
  /** A code that the authenticator app shows now. */
  code: string;
}
export interface MfaDisableRequest {
  code: string;
  /** Default: `totp`. */
  method?: MfaMethod | undefined;
}
export interface BackupCodesRequest {
  /** A TOTP code; a backup code does not do. */
  code: string;
}
export interface EmailRequest {
  email: string;
}
export interface EmailConfirmRequest {
  /** From the link in the mail. */
  token: string;
}
export interface PasswordResetRequest {
  /** From the link in the mail. */
  token: string;
  newPassword: string;
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
