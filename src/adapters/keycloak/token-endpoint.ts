import { stringify } from "node:querystring";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { ClientCredentials } from "../../domain/ports/identity-provider.ts";
import { type KeycloakHttp, parseJson } from "./http.ts";
import { fieldsOf, text } from "./json.ts";
import { jwtPart } from "./jwt.ts";
import { type Refusal, refusalOf } from "./map-errors.ts";
import { signingAlgorithms } from "./signing-keys.ts";

/** Tokens as the token endpoint answered them; the ID token, if there is one, has passed its checks. */
export interface TokenAnswer {
  readonly accessToken: string;
  /** Empty where there is none; so is the next. */
  readonly refreshToken: string;
  readonly idToken: string;
  /** Of the ID token; undefined where there is none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Makes one request of the token endpoint, and never a second one.
 *
 * @throws UpstreamUnavailable when the answer is neither a whole success nor an OAuth error of the request
 */
export type TokenEndpoint = (
  client: ClientCredentials,
  parameters: Readonly<Record<string, string>>,
  headers?: Readonly<Record<string, string>>,
) => Promise<{ readonly tokens: TokenAnswer } | { readonly refusal: Refusal }>;

const clockToleranceSeconds = 30;

function unusable(what: string): UpstreamUnavailable {
  return new UpstreamUnavailable(`Keycloak's token endpoint gave no usable answer (${what})`, "noVerdict");
}

/**
 * The requests that every login, code and refresh is made of, sent straight over the transport: a general OAuth client costs
 * more processor time for each of them than all the rest of the gateway's work (docs/performance.md). What it would check of
 * the answer is checked here.
 *
 * @see RFC 6749 sections 2.3.1, 5.1 and 5.2; OpenID Connect Core 1.0, section 3.1.3.7
 */
export function createTokenEndpoint(deps: {
  readonly http: KeycloakHttp;
  /** Path of the realm, `/realms/…`. */
  readonly realmPath: string;
  readonly issuer: string;
  readonly clock: Pick<Clock, "now">;
}): TokenEndpoint {
  const { http, realmPath, issuer, clock } = deps;
  const path = `${realmPath}/protocol/openid-connect/token`;

  /** The last header that has passed: the same for every token of a signing key. */
  let goodHeader: string | undefined;

  function checkHeader(part: string | undefined): void {
    const header = jwtPart(part);
    if (header === undefined) throw unusable("ID token");
    if (!signingAlgorithms.includes(text(header["alg"])) || header["crit"] !== undefined) throw unusable("algorithm");
  }

  /**
   * The claims of an ID token that came straight from the issuer, over the gateway's own connection: that stands in for the
   * check of its signature.
   */
  function checkIdToken(idToken: string, clientId: string): Readonly<Record<string, unknown>> {
    const parts = idToken.split(".");
    const [header, payload] = parts;
    const claims = jwtPart(payload);
    if (claims === undefined || parts.length !== 3) throw unusable("ID token");
    if (header !== goodHeader) checkHeader(header);
    goodHeader = header;
    const { iss, aud, azp, sub, exp, iat } = claims;
    if (iss !== issuer) throw unusable("issuer");
    const audience = Array.isArray(aud) ? aud : [aud];
    if (!audience.includes(clientId)) throw unusable("audience");
    if (azp === undefined ? audience.length > 1 : azp !== clientId) throw unusable("authorized party");
    if (text(sub) === "") throw unusable("subject");
    const now = Math.floor(clock.now() / 1000);
    if (typeof exp !== "number" || typeof iat !== "number" || exp <= now - clockToleranceSeconds)
      throw unusable("times");
    return claims;
  }

  return async (client, parameters, headers) => {
    const answer = await http.send({
      method: "POST",
      path,
      headers: { "content-type": "application/x-www-form-urlencoded;charset=UTF-8", ...headers },
      body: stringify({ ...parameters, client_id: client.id, client_secret: client.secret }),
    });
    const body = fieldsOf(parseJson(answer));
    if (answer.status !== 200) {
      const refusal = refusalOf(answer.status, body);
      if (refusal === undefined) throw unusable(`status ${answer.status}`);
      return { refusal };
    }
    const { access_token, refresh_token, id_token, token_type } = body;
    if (text(access_token) === "") throw unusable("access token");
    if (text(token_type).toLowerCase() !== "bearer") throw unusable("token type");
    if (refresh_token !== undefined && text(refresh_token) === "") throw unusable("refresh token");
    if (id_token !== undefined && text(id_token) === "") throw unusable("ID token");
    const idToken = text(id_token);
    return {
      tokens: {
        accessToken: text(access_token),
        refreshToken: text(refresh_token),
        idToken,
        claims: idToken === "" ? undefined : checkIdToken(idToken, client.id),
      },
    };
  };
}
