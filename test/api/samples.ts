import { expect } from "vitest";
import { base, userId, wireTokens } from "./fixtures.ts";

/** One request to each operation, as a well-behaved caller makes it. The operation's id is its service's name here too. */
export interface Sample {
  readonly operationId: string;
  readonly auth: "client" | "bearer";
  readonly method: string;
  readonly path: string;
  /** The path as the log shows it, where it is not the path without its query. */
  readonly template?: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Fields of the body that may be left out. */
  readonly optional?: readonly string[];
  /** 200 unless it says otherwise. */
  readonly status?: number;
  readonly answer: unknown;
}

const wireUnlocked = {
  locked: false,
  remainingLockoutSeconds: null,
  attemptsRemaining: 5,
  lockedUntil: null,
  maxAttempts: 5,
  lockoutDurationMinutes: 10,
};

export const sessionId = "mX2bQ9vT4kLs7RfHcGdAuIxO";

export const samples: readonly Sample[] = [
  {
    operationId: "login",
    auth: "client",
    method: "POST",
    path: `${base}/login`,
    body: { email: "jane@example.com", password: "correct horse" },
    answer: wireTokens,
  },
  {
    operationId: "mfaVerify",
    auth: "client",
    method: "POST",
    path: `${base}/mfa/verify`,
    body: { mfaToken: "mfa_abc", code: "123456", method: "totp" },
    answer: wireTokens,
  },
  {
    operationId: "refresh",
    auth: "client",
    method: "POST",
    path: `${base}/refresh`,
    body: { refreshToken: "refresh-0" },
    answer: wireTokens,
  },
  {
    operationId: "logout",
    auth: "client",
    method: "POST",
    path: `${base}/logout`,
    body: { refreshToken: "refresh-0" },
    answer: {},
  },
  {
    operationId: "signup",
    auth: "client",
    method: "POST",
    path: `${base}/signup`,
    body: { email: "jane@example.com", password: "correct horse", firstName: "Jane", lastName: "Doe" },
    status: 201,
    answer: {
      user: { userId, email: "jane@example.com", firstName: "Jane", lastName: "Doe" },
      emailVerificationRequired: true,
    },
  },
  {
    operationId: "emailVerifySend",
    auth: "client",
    method: "POST",
    path: `${base}/email/verify-send`,
    body: { email: "jane@example.com" },
    answer: {},
  },
  {
    operationId: "emailVerifyConfirm",
    auth: "client",
    method: "POST",
    path: `${base}/email/verify-confirm`,
    body: { token: "mail-token" },
    answer: { userId, email: "jane@example.com", verified: true },
  },
  {
    operationId: "passwordResetSend",
    auth: "client",
    method: "POST",
    path: `${base}/password/reset-send`,
    body: { email: "jane@example.com" },
    answer: {},
  },
  {
    operationId: "passwordResetConfirm",
    auth: "client",
    method: "POST",
    path: `${base}/password/reset-confirm`,
    body: { token: "mail-token", newPassword: "battery staple" },
    answer: {},
  },
  {
    operationId: "passwordPolicy",
    auth: "client",
    method: "GET",
    path: `${base}/security/password-policy`,
    answer: {
      minLength: 8,
      maxLength: 128,
      minUppercase: 1,
      minLowercase: 0,
      minDigits: 0,
      minSpecial: 0,
      notEmail: true,
      notUsername: true,
      history: 3,
      blocklist: false,
    },
  },
  {
    operationId: "mfaStatus",
    auth: "bearer",
    method: "GET",
    path: `${base}/mfa/status`,
    answer: { enabled: true, methods: ["totp", "backup_code"], backupCodesRemaining: 9 },
  },
  {
    operationId: "mfaEnroll",
    auth: "bearer",
    method: "POST",
    path: `${base}/mfa/enroll`,
    body: {},
    answer: {
      secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
      otpauthUri: "otpauth://totp/Headgate:jane%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
      qrCode: expect.stringMatching(/^data:image\/png;base64,/),
      expiresIn: 600,
    },
  },
  {
    operationId: "mfaEnrollConfirm",
    auth: "bearer",
    method: "POST",
    path: `${base}/mfa/enroll/confirm`,
    body: { code: "123456" },
    answer: { enabled: true, backupCodes: ["code-1", "code-2"] },
  },
  {
    operationId: "mfaDisable",
    auth: "bearer",
    method: "POST",
    path: `${base}/mfa/disable`,
    body: { code: "123456", method: "totp" },
    optional: ["method"],
    answer: { enabled: false },
  },
  {
    operationId: "backupCodesCount",
    auth: "bearer",
    method: "GET",
    path: `${base}/mfa/backup-codes`,
    answer: { remaining: 9, total: 10 },
  },
  {
    operationId: "backupCodesRegenerate",
    auth: "bearer",
    method: "POST",
    path: `${base}/mfa/backup-codes`,
    body: { code: "123456" },
    answer: { backupCodes: ["code-1", "code-2"] },
  },
  {
    operationId: "sessionsList",
    auth: "client",
    method: "GET",
    path: `${base}/sessions?userId=${userId}`,
    answer: {
      sessions: [
        {
          id: sessionId,
          application: "Demo app",
          ipAddress: "203.0.113.9",
          userAgent: "Firefox",
          createdAt: "2026-03-25T02:15:00.000Z",
          lastActiveAt: "2026-03-25T02:29:31.000Z",
        },
      ],
    },
  },
  {
    operationId: "sessionsRevoke",
    auth: "client",
    method: "DELETE",
    path: `${base}/sessions/${sessionId}?userId=${userId}`,
    template: `${base}/sessions/{id}`,
    answer: {},
  },
  {
    operationId: "sessionsRevokeAll",
    auth: "client",
    method: "DELETE",
    path: `${base}/sessions?userId=${userId}`,
    answer: { revoked: 2 },
  },
  {
    operationId: "lockoutStatus",
    auth: "client",
    method: "GET",
    path: `${base}/security/lockout-status?userId=${userId}`,
    answer: wireUnlocked,
  },
  {
    operationId: "unlock",
    auth: "client",
    method: "POST",
    path: `${base}/security/unlock`,
    body: { userId },
    answer: wireUnlocked,
  },
];

export function sampleOf(operationId: string): Sample {
  const sample = samples.find((candidate) => candidate.operationId === operationId);
  if (sample === undefined) throw new Error(`no sample for ${operationId}`);
  return sample;
}

/** The route's template as log and document name it. */
export const templateOf = ({ path, template }: Sample): string => template ?? path.replace(/\?.*/, "");
