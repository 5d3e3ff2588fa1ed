import { type HeadlessAuthConfig, resolveConfig } from "./config.ts";
import { type AuthApi, createAuthApi } from "./groups/auth.ts";
import { createMfaApi, type MfaApi } from "./groups/mfa.ts";
import { createSecurityApi, type SecurityApi } from "./groups/security.ts";
import { createTransport } from "./transport.ts";

/**
 * A client of the headless login API, for servers only: it holds the app client's secret.
 *
 * One instance serves any number of parallel calls. It sends each call once; nothing is retried.
 */
export class HeadlessAuthClient {
  readonly auth: AuthApi;
  readonly mfa: MfaApi;
  readonly security: SecurityApi;

  /** @throws {TypeError} naming every option that is missing or wrong. */
  constructor(config: HeadlessAuthConfig) {
    const transport = createTransport(resolveConfig(config));
    this.auth = createAuthApi(transport);
    this.mfa = createMfaApi(transport);
    this.security = createSecurityApi(transport);
  }
}
