import type { AuthenticatedClient } from "../../src/domain/clients/client-authenticator.ts";
import type { App } from "../../src/domain/ports/app-registry.ts";
import type { EndUser, IssuedTokens, UserRecord } from "../../src/domain/ports/identity-provider.ts";

/** Who appears in the unit tests. */
export const openApp: App = { id: "cca_open", displayName: "Open app", licensed: false, links: {} };
export const licensedApp: App = { id: "cca_licensed", displayName: "Licensed app", licensed: true, links: {} };

export const clientOf = (app: App): AuthenticatedClient => ({ app, credentials: { id: app.id, secret: "ccas_right" } });

export const endUser: EndUser = { ipAddress: "192.0.2.7", userAgent: "test" };

export const jane: UserRecord = {
  userId: "0f8fad5b-d9cb-469f-a165-70867728950e",
  username: "jane@example.com",
  email: "jane@example.com",
  firstName: "Jane",
  lastName: "Doe",
  emailVerified: true,
  requiredActions: [],
  licenses: [],
};

export function tokensWith(licenses?: readonly string[]): IssuedTokens {
  const { userId, email, firstName, lastName } = jane;
  return {
    sessionId: "session-1",
    accessToken: "access-1",
    refreshToken: "refresh-1",
    idToken: "id-1",
    accessTokenExpiresAt: 1_800_000_000_000,
    user: { userId, email, firstName, lastName, ...(licenses === undefined ? {} : { licenses }) },
  };
}
