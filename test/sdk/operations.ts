import type { HeadlessAuthClient, RequestOptions } from "../../src/sdk/index.ts";
import {
  backupCodeCount,
  emailVerified,
  lockoutStatus,
  mfaChallenge,
  mfaConfirmed,
  mfaDisabled,
  mfaEnrollment,
  mfaStatus,
  newBackupCodes,
  passwordPolicy,
  sessionList,
  sessionsRevoked,
  signupResult,
  tokenSet,
} from "./stub-gateway.ts";

/** A method of the SDK, what it sends, and what it makes of the answer. */
export interface Operation {
  readonly name: string;
  readonly call: (client: HeadlessAuthClient, options?: RequestOptions) => Promise<unknown>;
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  /** Undefined where none is sent. */
  readonly body: object | undefined;
  /** Whether it sends {@link accessToken}. */
  readonly bearer: boolean;
  readonly status: 200 | 201;
  readonly answer: object;
  readonly result: unknown;
}

export const accessToken = "access-do-not-print";
export const secrets = {
  password: "correct horse battery staple",
  refreshToken: "refresh-do-not-print",
  mfaToken: "mfa_do-not-print",
  code: "918273",
  mailToken: "mail-do-not-print",
} as const;

const { userId } = tokenSet.user;
const { password, refreshToken, mfaToken, code, mailToken } = secrets;
const email = "jane@example.com";
const sessionId = "Zk3xT0mQ9aB7_-cD1eF2gH3i";

function operation(
  name: string,
  request: `${Operation["method"]} /${string}`,
  call: Operation["call"],
  rest: Partial<Operation> & { readonly answer: object },
): Operation {
  const [method, path] = request.split(" ") as [Operation["method"], string];
  return { name, call, method, path, body: undefined, bearer: false, status: 200, result: rest.answer, ...rest };
}

/** Every method, in the order of the API's endpoints. */
export const operations: readonly Operation[] = [
  operation("auth.login", "POST /login", (client, options) => client.auth.login({ email, password }, options), {
    body: { email, password },
    answer: tokenSet,
  }),
  operation(
    "auth.login with a second factor",
    "POST /login",
    (client, options) => client.auth.login({ email, password }, options),
    { body: { email, password }, answer: mfaChallenge },
  ),
  operation(
    "auth.signup",
    "POST /signup",
    (client, options) => client.auth.signup({ email, password, firstName: "Jane", lastName: "Doe" }, options),
    { body: { email, password, firstName: "Jane", lastName: "Doe" }, status: 201, answer: signupResult },
  ),
  operation("auth.refresh", "POST /refresh", (client, options) => client.auth.refresh({ refreshToken }, options), {
    body: { refreshToken },
    answer: tokenSet,
  }),
  operation("auth.logout", "POST /logout", (client, options) => client.auth.logout({ refreshToken }, options), {
    body: { refreshToken },
    answer: {},
    result: undefined,
  }),
  operation(
    "mfa.verify",
    "POST /mfa/verify",
    (client, options) => client.mfa.verify({ mfaToken, code, method: "totp" }, options),
    { body: { mfaToken, code, method: "totp" }, answer: tokenSet },
  ),
  operation("mfa.status", "GET /mfa/status", (client, options) => client.mfa.status({ accessToken }, options), {
    bearer: true,
    answer: mfaStatus,
  }),
  operation("mfa.enroll", "POST /mfa/enroll", (client, options) => client.mfa.enroll({ accessToken }, options), {
    bearer: true,
    body: {},
    answer: mfaEnrollment,
  }),
  operation(
    "mfa.confirmEnrollment",
    "POST /mfa/enroll/confirm",
    (client, options) => client.mfa.confirmEnrollment({ accessToken, code }, options),
    { bearer: true, body: { code }, answer: mfaConfirmed },
  ),
  operation(
    "mfa.disable",
    "POST /mfa/disable",
    (client, options) => client.mfa.disable({ accessToken, code }, options),
    { bearer: true, body: { code }, answer: mfaDisabled },
  ),
  operation(
    "mfa.disable with a backup code",
    "POST /mfa/disable",
    (client, options) => client.mfa.disable({ accessToken, code, method: "backup_code" }, options),
    { bearer: true, body: { code, method: "backup_code" }, answer: mfaDisabled },
  ),
  operation(
    "mfa.backupCodes.count",
    "GET /mfa/backup-codes",
    (client, options) => client.mfa.backupCodes.count({ accessToken }, options),
    { bearer: true, answer: backupCodeCount },
  ),
  operation(
    "mfa.backupCodes.regenerate",
    "POST /mfa/backup-codes",
    (client, options) => client.mfa.backupCodes.regenerate({ accessToken, code }, options),
    { bearer: true, body: { code }, answer: newBackupCodes },
  ),
  operation(
    "sessions.list",
    `GET /sessions?userId=${userId}`,
    (client, options) => client.sessions.list({ userId }, options),
    { answer: sessionList },
  ),
  operation(
    "sessions.revoke",
    `DELETE /sessions/${sessionId}?userId=${userId}`,
    (client, options) => client.sessions.revoke({ sessionId, userId }, options),
    { answer: {}, result: undefined },
  ),
  operation(
    "sessions.revokeAll",
    `DELETE /sessions?userId=${userId}`,
    (client, options) => client.sessions.revokeAll({ userId }, options),
    { answer: sessionsRevoked },
  ),
  operation(
    "email.sendVerification",
    "POST /email/verify-send",
    (client, options) => client.email.sendVerification({ email }, options),
    { body: { email }, answer: {}, result: undefined },
  ),
  operation(
    "email.confirmVerification",
    "POST /email/verify-confirm",
    (client, options) => client.email.confirmVerification({ token: mailToken }, options),
    { body: { token: mailToken }, answer: emailVerified },
  ),
  operation(
    "password.resetSend",
    "POST /password/reset-send",
    (client, options) => client.password.resetSend({ email }, options),
    { body: { email }, answer: {}, result: undefined },
  ),
  operation(
    "password.resetConfirm",
    "POST /password/reset-confirm",
    (client, options) => client.password.resetConfirm({ token: mailToken, newPassword: password }, options),
    { body: { token: mailToken, newPassword: password }, answer: {}, result: undefined },
  ),
  operation(
    "security.lockoutStatus",
    `GET /security/lockout-status?userId=${userId}`,
    (client, options) => client.security.lockoutStatus({ userId }, options),
    { answer: lockoutStatus },
  ),
  operation(
    "security.passwordPolicy",
    "GET /security/password-policy",
    (client, options) => client.security.passwordPolicy({}, options),
    { answer: passwordPolicy },
  ),
  operation(
    "security.unlock",
    "POST /security/unlock",
    (client, options) => client.security.unlock({ userId }, options),
    { body: { userId }, answer: lockoutStatus },
  ),
];

/** The methods that take an access token. */
export const bearerOperations: readonly Operation[] = operations.filter(({ bearer }) => bearer);
