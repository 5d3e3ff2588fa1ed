import type { Clock } from "../../domain/ports/clock.ts";
import type { ClientCredentials, IdentityProvider } from "../../domain/ports/identity-provider.ts";
import { createAdminApi } from "./admin.ts";
import { createKeycloakHttp } from "./http.ts";
import type { AdapterLog } from "./log.ts";
import { createOAuthClient } from "./oauth-client.ts";
import { createOrganizationNames } from "./organizations.ts";
import { createSessions } from "./sessions.ts";
import { createTokens } from "./tokens.ts";
import { createUsers } from "./users.ts";

export type { AdapterLog } from "./log.ts";

export interface KeycloakOptions {
  /** Where the gateway reaches Keycloak; may hold a path. */
  readonly url: string;
  readonly realm: string;
  /** The issuer that tokens name. */
  readonly issuer: string;
  /** The service account for the admin API. */
  readonly adminClient: ClientCredentials;
  /** The client whose direct grant is the flow `headless otp`. */
  readonly otpClient: ClientCredentials;
  /** Deadline of one call, connecting included. */
  readonly timeoutMs: number;
  readonly log: AdapterLog;
  readonly clock: Clock;
}

/** Keycloak as the identity provider. Nothing is sent before the first call; `close` cuts off what is in flight. */
export function createKeycloakIdentityProvider(
  options: KeycloakOptions,
): IdentityProvider & { close(): Promise<void> } {
  const { issuer, timeoutMs, log, clock } = options;
  const url = new URL(options.url);
  const basePath = url.pathname.replace(/\/+$/, "");
  const realm = encodeURIComponent(options.realm);
  const realmPath = `${basePath}/realms/${realm}`;
  const forwardedProto = issuer.startsWith("https:") ? "https" : "http";

  const http = createKeycloakHttp({ origin: url.origin, realmPath, forwardedProto, timeoutMs, clock, log });
  const oauthClient = createOAuthClient({ http, realmUrl: url.origin + realmPath, issuer });
  const admin = createAdminApi({
    http,
    oauthClient,
    adminClient: options.adminClient,
    adminPath: `${basePath}/admin/realms/${realm}`,
    clock,
  });
  const organizationName = createOrganizationNames({ admin, clock, log });

  return {
    ...createTokens({ oauthClient, otpClient: options.otpClient, organizationName }),
    ...createSessions({ http, oauthClient, admin, realmPath }),
    ...createUsers(admin),
    ping: () => http.ping(),
    close: () => http.close(),
  };
}
