/** Backup codes as the user record holds them: hashed under one salt. */
export interface StoredBackupCodes {
  /** Base64url. */
  readonly salt: string;
  /** Base64url, one for each code that is left. */
  readonly hashes: readonly string[];
  /** How many were given out. */
  readonly total: number;
}

/**
 * The second factors in the user's record at the identity provider. Writers must hold the account's gate: the record is
 * read, merged and written. Methods throw UpstreamUnavailable as in `IdentityProvider`.
 */
export interface SecondFactors {
  hasTotp(userId: string): Promise<boolean>;
  /** Adds a TOTP credential (SHA-1, 6 digits, 30 s) that is in force at once, at the identity provider's own pages too. */
  addTotp(userId: string, secretBase32: string, label: string): Promise<void>;
  /** Removes every TOTP credential. */
  removeTotp(userId: string): Promise<void>;
  readBackupCodes(userId: string): Promise<StoredBackupCodes | undefined>;
  /** Replaces them; undefined removes them. */
  writeBackupCodes(userId: string, codes: StoredBackupCodes | undefined): Promise<void>;
}

/** An enrolment that waits for its first code. At most one a user. */
export interface PendingEnrolment {
  readonly secretBase32: string;
  readonly wrongCodes: number;
}

/** Pending enrolments, by user; secrets are encrypted in the store. Atomic verbs as in `ChallengeStore`. */
export interface EnrolmentStore {
  /** Replaces an earlier one. */
  put(userId: string, enrolment: PendingEnrolment, ttlSeconds: number): Promise<void>;
  take(userId: string): Promise<{ readonly enrolment: PendingEnrolment; readonly remainingMs: number } | undefined>;
  /** Puts a taken one back, unless a new one is there. */
  restore(userId: string, enrolment: PendingEnrolment, remainingMs: number): Promise<void>;
}

/** Codes that were accepted where the identity provider has not seen them. */
export interface UsedCodes {
  /** False when it was used before. */
  use(subject: string, code: string, ttlSeconds: number): Promise<boolean>;
  isUsed(subject: string, code: string): Promise<boolean>;
}
