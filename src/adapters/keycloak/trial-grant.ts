import { randomUUID } from "node:crypto";
import type { ClientCredentials } from "../../domain/ports/identity-provider.ts";
import type { HttpCall } from "./exchange.ts";

/**
 * A grant that Keycloak looks up a user for and refuses. It goes as far as a login goes without anybody's credentials, so an
 * answer to it tells that logins are answered.
 */
export function createTrialGrant(realmPath: string, otpClient: ClientCredentials): HttpCall {
  // A name that could be guessed could be registered, and Keycloak's answer for its user be no refusal.
  const nobody = `circuit-trial-${randomUUID()}@headgate.invalid`;
  return {
    method: "POST",
    path: `${realmPath}/protocol/openid-connect/token`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({
      grant_type: "password",
      client_id: otpClient.id,
      client_secret: otpClient.secret,
      username: nobody,
    }).toString(),
  };
}
