import type { ClientCredentials } from "../../domain/ports/identity-provider.ts";
import type { HttpCall } from "./exchange.ts";

/** Nobody has this name: `.invalid` is nobody's domain. RFC 2606, section 2. */
const nobody = "circuit-trial@headgate.invalid";

/**
 * A grant that Keycloak looks up a user for and refuses. It goes as far as a login goes without anybody's credentials, so an
 * answer to it tells that logins are answered.
 */
export function createTrialGrant(realmPath: string, otpClient: ClientCredentials): HttpCall {
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
