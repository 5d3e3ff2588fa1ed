// What the API document shows. Tests check each against its schema.
import type { LockoutStatus, MfaChallenge, TokenSet } from "../../contract/headless.ts";

export const userId = "0f8fad5b-d9cb-469f-a165-70867728950e";
export const email = "jane@example.com";
export const password = "correct horse battery staple";
export const firstName = "Jane";
export const lastName = "Doe";
export const totpCode = "492039";
/** 256 random bits, as the gateway's tokens have them. */
export const opaqueToken = "V7yT1o5m0p9Yw2v8Qe4XrJ6kLs3NfHbZcGdAuIxOtPk";
export const refreshToken = "eyJhbGciOiJIUzUxMiIsInR5cCIgOiAiSldUIn0.…";
export const sessionId = "mX2bQ9vT4kLs7RfHcGdAuIxO";

export const tokenSet: TokenSet = {
  accessToken: "eyJhbGciOiJSUzI1NiIsInR5cCIgOiAiSldUIn0.…",
  refreshToken,
  idToken: "eyJhbGciOiJSUzI1NiIsInR5cCIgOiAiSldUIn0.…",
  expiresAt: "2026-03-25T02:30:00.000Z",
  user: { userId, email, firstName, lastName },
};

export const mfaToken = `mfa_${opaqueToken}`;

export const mfaChallenge: MfaChallenge = {
  mfaRequired: true,
  mfaToken,
  expiresIn: 300,
  methods: ["totp", "backup_code"],
  user: { userId, email, firstName },
};

export const lockoutStatus: LockoutStatus = {
  locked: true,
  remainingLockoutSeconds: 540,
  attemptsRemaining: 0,
  lockedUntil: "2026-03-25T02:39:00.000Z",
  maxAttempts: 5,
  lockoutDurationMinutes: 10,
};

/** As `src/domain/mfa/backup-codes.ts` makes them. */
export const backupCodes = [
  "8RYE-KTQ6-189F",
  "3HZR-D8VN-YC0W",
  "P2XG-K6JF-BA71",
  "W9CT-M5YS-RE4D",
  "B4NQ-V7KD-HZ62",
  "F8JY-P2XM-GT05",
  "T6RH-W9CE-QK3A",
  "Y3VD-N4PZ-BS8M",
  "M5KG-X8WT-JF9E",
  "C7QS-Z6HR-NY1V",
];
