import { limits } from "../../contract/limits.ts";
import type { BearerAuthenticator } from "../../domain/clients/bearer-authenticator.ts";
import type { RequestLimiter } from "../../limits/request-limiter.ts";
import type { GatewayContext } from "../env.ts";

/** The scheme's name in any case, blanks, and a `b64token`. @see RFC 6750 section 2.1, RFC 9110 section 11.1 */
const bearerPattern = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The access token of an `Authorization` header; undefined when there is none in it. A header that is sent twice arrives as
 * one joined value, which holds none.
 */
function bearerToken(authorization: string | undefined): string | undefined {
  // Longer ones are not even looked through.
  if (authorization === undefined || authorization.length > limits.tokenMaxLength + 16) return undefined;
  const token = bearerPattern.exec(authorization)?.[1];
  return token !== undefined && token.length <= limits.tokenMaxLength ? token : undefined;
}

/**
 * Checks the user's access token and charges the limits of the app that it was issued to and of the end user's address. The
 * token is taken from the `Authorization` header only: in a query it would end up in logs. Runs after the app client's check:
 * a client that has authenticated must be the one that the token was issued to.
 *
 * The limits are charged once the token itself is known to be good and before its session is looked up, which costs a call
 * upstream: a token, even one of an ended session, cannot be used to send more of those than the limits allow.
 */
export async function authenticateBearer(
  c: GatewayContext,
  { bearers, limiter }: { readonly bearers: BearerAuthenticator; readonly limiter: RequestLimiter },
): Promise<void> {
  const bearer = await bearers.authenticate({
    accessToken: bearerToken(c.req.header("authorization")),
    client: c.get("client"),
    async admit(app) {
      const charged = limiter.forRequest({ clientId: app.id, address: c.get("endUser").ipAddress });
      c.set("limits", charged);
      await charged.chargeRest();
    },
  });
  c.set("bearer", bearer);
}

/**
 * Adds the challenge to an answer that refuses the access token, whoever has refused it. The error is named only to callers
 * that sent something.
 *
 * @see RFC 9110 section 11.6.1, RFC 6750 section 3
 */
export function challengeBearer(c: GatewayContext): void {
  if (c.get("errorCode") !== "INVALID_TOKEN") return;
  const named = c.req.header("authorization") === undefined ? "" : ', error="invalid_token"';
  c.res.headers.set("WWW-Authenticate", `Bearer realm="headless"${named}`);
}
