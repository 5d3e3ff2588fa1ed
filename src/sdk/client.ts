import { type HeadlessAuthConfig, resolveConfig } from "./config.ts";
import { type AuthApi, createAuthApi } from "./groups/auth.ts";
import { createEmailApi, type EmailApi } from "./groups/email.ts";
import { createMfaApi, type MfaApi } from "./groups/mfa.ts";
import { createPasswordApi, type PasswordApi } from "./groups/password.ts";
import { createSecurityApi, type SecurityApi } from "./groups/security.ts";
import { createSessionsApi, type SessionsApi } from "./groups/sessions.ts";
import { createTransport } from "./transport.ts";

/**
 * A client of the headless login API, for servers only: it holds the app client's secret.
 *
 * One instance serves any number of parallel calls, for any number of users. It sends each call once; only a call with an
 * access token that has ended is sent once more, with the token that `onRefresh` returns.
 */
export class HeadlessAuthClient {
  readonly auth: AuthApi;
  readonly mfa: MfaApi;
  readonly sessions: SessionsApi;
  readonly email: EmailApi;
  readonly password: PasswordApi;
  readonly security: SecurityApi;

  /** @throws {TypeError} naming every option that is missing or wrong. */
  constructor(config: HeadlessAuthConfig) {
    const transport = createTransport(resolveConfig(config));
    this.auth = createAuthApi(transport);
    this.mfa = createMfaApi(transport);
    this.sessions = createSessionsApi(transport);
    this.email = createEmailApi(transport);
    this.password = createPasswordApi(transport);
    this.security = createSecurityApi(transport);
  }
}
