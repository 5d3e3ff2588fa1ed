import { limits } from "../../contract/limits.ts";
import type { BearerAuthenticator } from "../../domain/clients/bearer-authenticator.ts";
import type { GatewayMiddleware } from "../env.ts";

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
 * Checks the user's access token. It is taken from the `Authorization` header only: in a query it would end up in logs.
 * Runs after the app client's check: a client that has authenticated must be the one that the token was issued to.
 */
export function bearerAuth(bearers: BearerAuthenticator): GatewayMiddleware {
  return async (c, next) => {
    const client = c.get("client");
    const accessToken = bearerToken(c.req.header("authorization"));
    c.set("bearer", await bearers.authenticate({ accessToken, ...(client === undefined ? {} : { client }) }));
    await next();
  };
}

/**
 * Adds the challenge to answers that refuse the access token, whoever has refused it. The error is named only to callers
 * that sent something.
 *
 * @see RFC 9110 section 11.6.1, RFC 6750 section 3
 */
export function bearerChallenge(): GatewayMiddleware {
  return async (c, next) => {
    await next();
    if (c.get("errorCode") !== "INVALID_TOKEN") return;
    const named = c.req.header("authorization") === undefined ? "" : ', error="invalid_token"';
    c.res.headers.set("WWW-Authenticate", `Bearer realm="headless"${named}`);
  };
}
