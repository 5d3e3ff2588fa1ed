import type { AccessTokens } from "../../domain/ports/access-tokens.ts";
import type { AccountDirectory } from "../../domain/ports/account-directory.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { ClientCredentials, IdentityProvider } from "../../domain/ports/identity-provider.ts";
import type { SecondFactors } from "../../domain/ports/second-factors.ts";
import type { SessionDirectory } from "../../domain/ports/session-directory.ts";
import { createAccessTokens } from "./access-tokens.ts";
import { createAccounts } from "./accounts.ts";
import { createAdminApi } from "./admin.ts";
import { createKeycloakHttp } from "./http.ts";
import type { AdapterLog } from "./log.ts";
import { createOAuthClient } from "./oauth-client.ts";
import { createOrganizationNames } from "./organizations.ts";
import { createSecondFactors } from "./second-factors.ts";
import { createSessionDirectory } from "./session-directory.ts";
import { createSessions } from "./sessions.ts";
import { createSigningKeys } from "./signing-keys.ts";
import { createTokenEndpoint } from "./token-endpoint.ts";
import { createTokens } from "./tokens.ts";
import { createTrialGrant } from "./trial-grant.ts";
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
  /** The client whose direct grant is the flow `headless mint`. */
  readonly mintClient: ClientCredentials;
  /** Deadline of one call, connecting included. */
  readonly timeoutMs: number;
  readonly log: AdapterLog;
  readonly clock: Clock;
}

/** Every port that Keycloak stands behind. */
export type Keycloak = IdentityProvider &
  AccountDirectory &
  SessionDirectory &
  SecondFactors &
  AccessTokens & { close(): Promise<void> };

/** Keycloak as the identity provider. Nothing is sent before the first call; `close` cuts off what is in flight. */
export function createKeycloakIdentityProvider(options: KeycloakOptions): Keycloak {
  const { issuer, timeoutMs, log, clock, adminClient, otpClient, mintClient } = options;
  const url = new URL(options.url);
  const basePath = url.pathname.replace(/\/+$/, "");
  const realm = encodeURIComponent(options.realm);
  const realmPath = `${basePath}/realms/${realm}`;
  const forwardedProto = issuer.startsWith("https:") ? "https" : "http";

  const trialGrant = createTrialGrant(realmPath, otpClient);
  const http = createKeycloakHttp({ origin: url.origin, realmPath, forwardedProto, timeoutMs, trialGrant, clock, log });
  const oauthClient = createOAuthClient({ http, realmUrl: url.origin + realmPath, issuer });
  const tokenEndpoint = createTokenEndpoint({ http, realmPath, issuer, clock });
  const admin = createAdminApi({
    http,
    oauthClient,
    adminClient,
    adminPath: `${basePath}/admin/realms/${realm}`,
    clock,
  });
  const organizationName = createOrganizationNames({ admin, clock, log });

  const signingKeys = createSigningKeys({ http, realmPath, clock });
  const ownClientIds = new Set([adminClient.id, otpClient.id, mintClient.id]);

  return {
    ...createTokens({ oauthClient, tokenEndpoint, otpClient, mintClient, organizationName }),
    ...createSessions({ http, oauthClient, admin, realmPath }),
    ...createUsers(admin),
    ...createAccounts({ admin, clock }),
    ...createSessionDirectory({ admin, ownClientIds }),
    ...createSecondFactors(admin),
    ...createAccessTokens({ http, signingKeys, realmPath, issuer, ownClientIds, clock }),
    ping: () => http.ping(),
    close: () => http.close(),
  };
}
