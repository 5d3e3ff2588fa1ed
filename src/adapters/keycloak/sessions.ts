import { tokenIntrospection } from "openid-client";
import type { ClientCredentials, IdentityProvider, LogoutOutcome } from "../../domain/ports/identity-provider.ts";
import type { AdminApi } from "./admin.ts";
import { type KeycloakHttp, parseJson } from "./http.ts";
import { canBeRefreshToken, isSessionId, isUuid } from "./ids.ts";
import { text } from "./json.ts";
import { jwtClaims } from "./jwt.ts";
import {
  isClientRefusal,
  type Refusal,
  refreshTokenRefusal,
  refusalIn,
  unexpectedRefusal,
  unusableAnswer,
} from "./map-errors.ts";
import type { OAuthClient } from "./oauth-client.ts";

/** The session part of the port. */
export function createSessions(deps: {
  readonly http: KeycloakHttp;
  readonly oauthClient: OAuthClient;
  readonly admin: AdminApi;
  /** Path of the realm, `/realms/…`. */
  readonly realmPath: string;
}): Pick<IdentityProvider, "userOf" | "logout" | "endSession"> {
  const { http, oauthClient, admin, realmPath } = deps;

  /** Reading a refresh token does not count as its use. */
  async function isActive(client: ClientCredentials, refreshToken: string): Promise<boolean | "clientRejected"> {
    try {
      const config = oauthClient(client);
      return (await tokenIntrospection(config, refreshToken, { token_type_hint: "refresh_token" })).active;
    } catch (cause) {
      const refusal = refusalIn(cause);
      if (!refusal) throw unusableAnswer("introspection", cause);
      if (isClientRefusal(refusal)) return "clientRejected";
      throw unexpectedRefusal("introspection", refusal);
    }
  }

  async function endSessionOf(client: ClientCredentials, refreshToken: string): Promise<LogoutOutcome> {
    const answer = await http.send({
      method: "POST",
      path: `${realmPath}/protocol/openid-connect/logout`,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        client_id: client.id,
        client_secret: client.secret,
        refresh_token: refreshToken,
      }).toString(),
    });
    if (answer.status === 204) return { kind: "ended" };
    const body = Object(parseJson(answer)) as { error?: unknown; error_description?: unknown };
    const refusal: Refusal = {
      status: answer.status,
      error: String(body.error ?? ""),
      description: String(body.error_description ?? ""),
    };
    const outcome = answer.status < 500 && answer.status !== 429 ? refreshTokenRefusal(refusal) : undefined;
    if (!outcome) throw unexpectedRefusal("logout", refusal);
    return outcome;
  }

  return {
    userOf(refreshToken) {
      const userId = text(jwtClaims(refreshToken)?.["sub"]);
      return isUuid(userId) ? userId.toLowerCase() : undefined;
    },
    async logout({ client, refreshToken }) {
      if (client.id === "" || client.secret === "") return { kind: "clientRejected" };
      if (!canBeRefreshToken(refreshToken)) return { kind: "rejected" };
      // Keycloak's logout says 204 for a session that has ended long since; whether this token was alive is asked first.
      const active = await isActive(client, refreshToken);
      if (active === "clientRejected") return { kind: "clientRejected" };
      // A dead token still goes to the logout: one that was rotated away ends its session there. Its bearer wants out, or
      // has stolen it; either way the session must not live on.
      const outcome = await endSessionOf(client, refreshToken);
      if (outcome.kind !== "ended") return outcome;
      // Keycloak has verified the token before it ended anything.
      const sessionId = text(jwtClaims(refreshToken)?.["sid"]);
      return { kind: active ? "ended" : "rejected", ...(isSessionId(sessionId) && { sessionId }) };
    },
    async endSession(sessionId) {
      if (!isSessionId(sessionId)) throw new TypeError("Not a session id");
      await admin.delete(`/sessions/${sessionId}`);
    },
  };
}
