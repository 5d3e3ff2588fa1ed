import { errors, type JWTPayload, type JWTVerifyResult, jwtVerify } from "jose";
import { limits } from "../../contract/limits.ts";
import type { AccessTokenClaims, AccessTokens } from "../../domain/ports/access-tokens.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import { type KeycloakHttp, parseJson } from "./http.ts";
import { isSessionId, isUuid } from "./ids.ts";
import { fieldsOf, text } from "./json.ts";
import { isTokenRefusal, unexpectedAnswer } from "./map-errors.ts";
import { type SigningKeys, signingAlgorithms } from "./signing-keys.ts";

const clockToleranceSeconds = 10;

/** Decoders also take blanks and line ends, which must not get into a header of our own request. */
const compactJws = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Keycloak's default, and what a client can be set to have by RFC 9068, section 2.1. */
const headerTypes: readonly unknown[] = ["JWT", "at+jwt"];

/**
 * Checks access tokens. Whatever a token says of its key but the id is ignored, a critical extension makes it void.
 *
 * The signature check spares Keycloak the garbage; the last word is Keycloak's: its userinfo endpoint refuses tokens of ended
 * sessions, disabled users and disabled clients.
 *
 * @see RFC 8725, section 3
 */
export function createAccessTokens(deps: {
  readonly http: KeycloakHttp;
  readonly signingKeys: SigningKeys;
  /** Path of the realm, `/realms/…`. */
  readonly realmPath: string;
  readonly issuer: string;
  /** The gateway's own clients; their tokens never leave it. */
  readonly ownClientIds: ReadonlySet<string>;
  readonly clock: Pick<Clock, "now">;
}): AccessTokens {
  const { http, signingKeys, realmPath, issuer, ownClientIds, clock } = deps;

  async function checkSignature(accessToken: string): Promise<JWTVerifyResult | undefined> {
    const publicKey = async ({ kid, alg }: { kid?: unknown; alg?: unknown }) => {
      const key = await signingKeys(text(kid), text(alg));
      if (!key) throw new errors.JWKSNoMatchingKey();
      return key;
    };
    try {
      return await jwtVerify(accessToken, publicKey, {
        algorithms: [...signingAlgorithms],
        issuer,
        currentDate: new Date(clock.now()),
        clockTolerance: clockToleranceSeconds,
        requiredClaims: ["exp", "iat"],
      });
    } catch (cause) {
      if (cause instanceof errors.JOSEError) return undefined;
      throw cause;
    }
  }

  function readClaims(payload: JWTPayload): AccessTokenClaims | undefined {
    const userId = text(payload.sub);
    const sessionId = text(payload["sid"]);
    const azp = text(payload["azp"]);
    const isAccessToken =
      payload["typ"] === "Bearer" &&
      // Bound to a key that only its holder can prove; as a bearer token it is worth nothing.
      payload["cnf"] === undefined &&
      Number(payload.iat) * 1000 <= clock.now() + clockToleranceSeconds * 1000;
    if (!isAccessToken || !isUuid(userId) || !isSessionId(sessionId) || azp === "" || ownClientIds.has(azp))
      return undefined;
    return { userId, sessionId, azp, email: text(payload["email"]) };
  }

  /** What Keycloak says of the user, or undefined when it refuses the token, as it does when the session has ended. */
  async function userinfo(accessToken: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const answer = await http.send({
      method: "GET",
      path: `${realmPath}/protocol/openid-connect/userinfo`,
      headers: { authorization: `Bearer ${accessToken}` },
    });
    if (isTokenRefusal(answer)) return undefined;
    if (answer.status !== 200) throw unexpectedAnswer("userinfo", answer);
    return fieldsOf(parseJson(answer));
  }

  /** The address that the user has now, or undefined when the session has ended. */
  async function confirmSession(accessToken: string, claims: AccessTokenClaims): Promise<string | undefined> {
    const user = await userinfo(accessToken);
    if (user === undefined) return undefined;
    if (user["sub"] !== claims.userId) throw new UpstreamUnavailable("Keycloak named another user", "noVerdict");
    const email = text(user["email"]) || claims.email;
    if (email === "") throw new UpstreamUnavailable("Keycloak names no address of the user", "noVerdict");
    return email;
  }

  return {
    async verify(accessToken, admit) {
      if (accessToken.length > limits.tokenMaxLength || !compactJws.test(accessToken)) return undefined;
      const verified = await checkSignature(accessToken);
      if (!verified || !headerTypes.includes(verified.protectedHeader.typ)) return undefined;
      const claims = readClaims(verified.payload);
      if (!claims) return undefined;
      await admit?.(claims);
      const email = await confirmSession(accessToken, claims);
      return email === undefined ? undefined : { ...claims, email };
    },

    isLive: async (accessToken) => (await userinfo(accessToken)) !== undefined,
  };
}
