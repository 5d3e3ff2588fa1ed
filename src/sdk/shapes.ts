import type {
  BackupCodeCount,
  BackupCodes,
  EmailVerified,
  LockoutStatus,
  MfaDisabled,
  MfaEnrollment,
  MfaEnrollmentConfirmed,
  MfaStatus,
  PasswordPolicy,
  SessionList,
  SessionsRevoked,
  SignupResult,
  TokenSet,
} from "../contract/headless.ts";
import type { JsonObject } from "./answer.ts";
import type { LoginResult } from "./types.ts";

/*
 * Checks of successful answers: what an application acts on must be there and of its type, so that a 200 of something that
 * is not the gateway never passes for a login. Fields that a later gateway adds are let through.
 */

type Kind = "string" | "number" | "boolean" | "object" | "strings";

function has(body: unknown, fields: { readonly [name: string]: Kind }): boolean {
  return (
    typeof body === "object" &&
    body !== null &&
    Object.entries(fields).every(([name, kind]) => isOf(kind, (body as JsonObject)[name]))
  );
}

function isOf(kind: Kind, value: unknown): boolean {
  if (kind === "strings") return Array.isArray(value) && value.every((item) => typeof item === "string");
  return typeof value === kind && value !== null;
}

/** Whether the body is a {@link TokenSet}. */
export function isTokenSet(body: JsonObject): body is JsonObject & TokenSet {
  return (
    !("mfaRequired" in body) &&
    has(body, { accessToken: "string", refreshToken: "string", idToken: "string", expiresAt: "string" }) &&
    has(body["user"], { userId: "string", email: "string" })
  );
}

/** Whether the body is a {@link TokenSet} or an MFA challenge. */
export function isLoginResult(body: JsonObject): body is JsonObject & LoginResult {
  const isChallenge =
    body["mfaRequired"] === true &&
    has(body, { mfaToken: "string", expiresIn: "number", user: "object" }) &&
    Array.isArray(body["methods"]);
  return isChallenge || isTokenSet(body);
}

/** Whether the body is a {@link SignupResult}. */
export function isSignupResult(body: JsonObject): body is JsonObject & SignupResult {
  return (
    has(body, { emailVerificationRequired: "boolean" }) && has(body["user"], { userId: "string", email: "string" })
  );
}

/** Whether the body is an {@link MfaStatus}. */
export function isMfaStatus(body: JsonObject): body is JsonObject & MfaStatus {
  return has(body, { enabled: "boolean", methods: "strings", backupCodesRemaining: "number" });
}

/** Whether the body is an {@link MfaEnrollment}. */
export function isMfaEnrollment(body: JsonObject): body is JsonObject & MfaEnrollment {
  return has(body, { secret: "string", otpauthUri: "string", qrCode: "string", expiresIn: "number" });
}

/** Whether the body is an {@link MfaEnrollmentConfirmed}. */
export function isMfaEnrollmentConfirmed(body: JsonObject): body is JsonObject & MfaEnrollmentConfirmed {
  return body["enabled"] === true && isBackupCodes(body);
}

/** Whether the body is an {@link MfaDisabled}. */
export function isMfaDisabled(body: JsonObject): body is JsonObject & MfaDisabled {
  return body["enabled"] === false;
}

/** Whether the body is a {@link BackupCodeCount}. */
export function isBackupCodeCount(body: JsonObject): body is JsonObject & BackupCodeCount {
  return has(body, { remaining: "number", total: "number" });
}

/** Whether the body is a {@link BackupCodes}. */
export function isBackupCodes(body: JsonObject): body is JsonObject & BackupCodes {
  return has(body, { backupCodes: "strings" });
}

/** Whether the body is a {@link SessionList}. */
export function isSessionList(body: JsonObject): body is JsonObject & SessionList {
  const { sessions } = body;
  const fields = { id: "string", application: "string", createdAt: "string", lastActiveAt: "string" } as const;
  return Array.isArray(sessions) && sessions.every((session) => has(session, fields));
}

/** Whether the body is a {@link SessionsRevoked}. */
export function isSessionsRevoked(body: JsonObject): body is JsonObject & SessionsRevoked {
  return has(body, { revoked: "number" });
}

/** Whether the body is an {@link EmailVerified}. */
export function isEmailVerified(body: JsonObject): body is JsonObject & EmailVerified {
  return body["verified"] === true && has(body, { userId: "string", email: "string" });
}

/** Whether the body is a {@link PasswordPolicy}. */
export function isPasswordPolicy(body: JsonObject): body is JsonObject & PasswordPolicy {
  return has(body, {
    minLength: "number",
    maxLength: "number",
    minUppercase: "number",
    minLowercase: "number",
    minDigits: "number",
    minSpecial: "number",
    notEmail: "boolean",
    notUsername: "boolean",
    history: "number",
    blocklist: "boolean",
  });
}

/** Whether the body is a {@link LockoutStatus}. */
export function isLockoutStatus(body: JsonObject): body is JsonObject & LockoutStatus {
  return has(body, { locked: "boolean", attemptsRemaining: "number", maxAttempts: "number" });
}

/** For answers that say nothing: any object will do. */
export function isAnyObject(_body: JsonObject): _body is JsonObject {
  return true;
}
