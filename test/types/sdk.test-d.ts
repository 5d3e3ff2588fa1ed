// Checked by the compiler, never run: what the SDK's types promise to applications.
import {
  AuthErrorCode,
  type AuthErrorCodeValue,
  type BackupCodeCount,
  type BackupCodes,
  CalimaticAuthError,
  type EmailVerified,
  HeadlessAuthClient,
  type HeadlessAuthConfig,
  type LockoutStatus,
  type LoginResult,
  type MfaChallengeResponse,
  type MfaDisabled,
  type MfaEnrollment,
  type MfaEnrollmentConfirmed,
  type MfaStatus,
  type OnRefresh,
  type PasswordPolicy,
  type RequestOptions,
  type Session,
  type SessionsRevoked,
  type SignupResult,
  type TokenSet,
  type User,
} from "../../src/sdk/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_T extends true>(): void {}

declare const client: HeadlessAuthClient;
declare const environment: { ID?: string };
declare const accessToken: string;
declare const refreshToken: string;

// Construction: everything but the address has a default; variables that may be undefined can be passed as they are.
new HeadlessAuthClient({ baseUrl: "https://auth.example.com" });
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", clientId: environment.ID, clientSecret: environment.ID });
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", fetch: globalThis.fetch, timeoutMs: 5000 });
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", fetch: async () => new Response("{}") });
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", onRefresh: () => "access.token" });
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", onRefresh: async (stale) => stale.toUpperCase() });
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", onRefresh: undefined as OnRefresh | undefined });
// @ts-expect-error It must give a token.
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", onRefresh: async () => undefined });
// @ts-expect-error It gives the token itself.
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", onRefresh: () => client.auth.refresh({ refreshToken }) });
// @ts-expect-error The address is required.
new HeadlessAuthClient({});
// @ts-expect-error An unknown option is a mistake.
new HeadlessAuthClient({ baseUrl: "https://auth.example.com", secret: "ccas_" } satisfies HeadlessAuthConfig);
// @ts-expect-error The secret cannot be read back.
client.clientSecret;

// A login is tokens or a challenge, and nothing can be used before it is known which.
export async function login(): Promise<void> {
  const result = await client.auth.login({ email: "jane@example.com", password: "p" });
  holds<Same<typeof result, LoginResult>>();
  // @ts-expect-error It may be a challenge.
  result.accessToken;
  // @ts-expect-error It may be tokens.
  result.mfaToken;
  if ("mfaRequired" in result) {
    holds<Same<typeof result, MfaChallengeResponse>>();
    const tokens = await client.mfa.verify({ mfaToken: result.mfaToken, code: "123456", method: "totp" });
    holds<Same<typeof tokens, TokenSet>>();
    // @ts-expect-error A challenge has no tokens.
    result.accessToken;
  } else {
    holds<Same<typeof result, TokenSet>>();
    holds<Same<typeof result.user, User>>();
    holds<Same<typeof result.user.licenses, string[] | undefined>>();
  }
  // @ts-expect-error The password is required.
  await client.auth.login({ email: "jane@example.com" });
  // @ts-expect-error There are two methods.
  await client.mfa.verify({ mfaToken: "mfa_", code: "123456", method: "sms" });
}

export async function others(options: RequestOptions): Promise<void> {
  holds<Same<Awaited<ReturnType<typeof client.auth.refresh>>, TokenSet>>();
  holds<Same<Awaited<ReturnType<typeof client.auth.logout>>, void>>();
  const status = await client.security.lockoutStatus({ userId: "u" }, options);
  holds<Same<typeof status, LockoutStatus>>();
  holds<Same<typeof status.lockedUntil, string | null>>();
  await client.security.unlock({ userId: "u" }, { signal: new AbortController().signal, timeoutMs: 1000 });
  // What a request object of a web framework gives may be undefined.
  await client.auth.refresh(
    { refreshToken: "r" },
    { endUser: { ipAddress: environment.ID, userAgent: environment.ID } },
  );
  // @ts-expect-error Users are named by an object.
  await client.security.unlock("u");
  // @ts-expect-error An unknown option is a mistake.
  await client.security.unlock({ userId: "u" }, { retries: 3 });
}

export async function account(options: RequestOptions): Promise<void> {
  const signup = { email: "jane@example.com", password: "p", firstName: "Jane", lastName: "Doe" };
  holds<Same<Awaited<ReturnType<typeof client.auth.signup>>, SignupResult>>();
  await client.auth.signup(signup, options);
  await client.email.sendVerification({ email: "jane@example.com" }, options);
  const verified = await client.email.confirmVerification({ token: "t" }, options);
  holds<Same<typeof verified, EmailVerified>>();
  holds<Same<typeof verified.verified, true>>();
  await client.password.resetSend({ email: "jane@example.com" }, options);
  holds<Same<Awaited<ReturnType<typeof client.password.resetConfirm>>, void>>();
  await client.password.resetConfirm({ token: "t", newPassword: "p" }, options);
  holds<Same<Awaited<ReturnType<typeof client.security.passwordPolicy>>, PasswordPolicy>>();
  await client.security.passwordPolicy();
  await client.security.passwordPolicy({}, options);
  // @ts-expect-error Options are the second argument here too.
  await client.security.passwordPolicy({ timeoutMs: 1000 });
  // @ts-expect-error A name is required.
  await client.auth.signup({ email: "jane@example.com", password: "p", firstName: "Jane" });
  // @ts-expect-error The new password has its own name.
  await client.password.resetConfirm({ token: "t", password: "p" });
}

export async function secondFactor(options: RequestOptions): Promise<void> {
  const status = await client.mfa.status({ accessToken }, options);
  holds<Same<typeof status, MfaStatus>>();
  holds<Same<typeof status.methods, ("totp" | "backup_code")[]>>();
  holds<Same<Awaited<ReturnType<typeof client.mfa.enroll>>, MfaEnrollment>>();
  await client.mfa.enroll({ accessToken }, options);
  const confirmed = await client.mfa.confirmEnrollment({ accessToken, code: "123456" }, options);
  holds<Same<typeof confirmed, MfaEnrollmentConfirmed>>();
  holds<Same<typeof confirmed.enabled, true>>();
  const disabled = await client.mfa.disable({ accessToken, code: "123456" }, options);
  holds<Same<typeof disabled, MfaDisabled>>();
  holds<Same<typeof disabled.enabled, false>>();
  const byForm: { method?: "totp" | "backup_code" } = {};
  await client.mfa.disable({ accessToken, code: "123456", method: byForm.method });
  const count = await client.mfa.backupCodes.count({ accessToken }, options);
  holds<Same<typeof count, BackupCodeCount>>();
  const codes = await client.mfa.backupCodes.regenerate({ accessToken, code: "123456" }, options);
  holds<Same<typeof codes, BackupCodes>>();
  // @ts-expect-error The user is named by an access token.
  await client.mfa.status({ userId: "u" });
  // @ts-expect-error It takes a code.
  await client.mfa.backupCodes.regenerate({ accessToken });
  // @ts-expect-error There are two methods.
  await client.mfa.disable({ accessToken, code: "123456", method: "sms" });
}

export async function sessions(options: RequestOptions): Promise<void> {
  const { sessions } = await client.sessions.list({ userId: "u" }, options);
  holds<Same<typeof sessions, Session[]>>();
  for (const { id, userAgent } of sessions) {
    holds<Same<typeof userAgent, string | undefined>>();
    await client.sessions.revoke({ userId: "u", sessionId: id }, options);
  }
  const revoked = await client.sessions.revokeAll({ userId: "u" }, options);
  holds<Same<typeof revoked, SessionsRevoked>>();
  // @ts-expect-error Whose session it is has to be said.
  await client.sessions.revoke({ sessionId: "s" });
}

export function codes(error: unknown): string {
  if (!(error instanceof CalimaticAuthError)) return "other";
  holds<Same<typeof error, CalimaticAuthError>>();
  holds<Same<typeof error.code, AuthErrorCodeValue>>();
  holds<Same<typeof error.status, number>>();
  holds<Same<typeof error.retryAfterSeconds, number | undefined>>();
  holds<Same<typeof AuthErrorCode.MFA_REQUIRED, "MFA_REQUIRED">>();
  // @ts-expect-error There is no such code.
  AuthErrorCode.WRONG_PASSWORD;
  // @ts-expect-error Codes cannot be changed.
  AuthErrorCode.UNKNOWN = "UNKNOWN";
  switch (error.code) {
    case AuthErrorCode.RATE_LIMITED:
      return `${error.retryAfterSeconds ?? 1}`;
    // @ts-expect-error There is no such code.
    case "WRONG_PASSWORD":
      return "never";
    default:
      return error.message;
  }
}
