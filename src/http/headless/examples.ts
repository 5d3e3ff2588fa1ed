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

export const backupCodes = [
  "k7mpx-4w9tq",
  "3hzrd-8vnyc",
  "p2xgk-6jfba",
  "w9ctm-5ysre",
  "b4nqv-7kdhz",
  "f8jyp-2xmgt",
  "t6rhw-9ceqk",
  "y3vdn-4pzbs",
  "m5kgx-8wtjf",
  "c7qsz-6hrny",
];
