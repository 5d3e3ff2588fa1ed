import { AuthError } from "../../contract/errors.ts";
import type { AccessTokenClaims, AccessTokens } from "../ports/access-tokens.ts";
import type { App, AppRegistry } from "../ports/app-registry.ts";
import type { AuthenticatedClient } from "./client-authenticator.ts";

/** A user who has shown an access token of a live session. */
export interface Bearer {
  readonly claims: AccessTokenClaims;
  /** The app that the token was issued to. */
  readonly app: App;
}

export interface BearerAuthenticator {
  /**
   * Checks an access token and its session.
   *
   * @throws AuthError INVALID_TOKEN: missing, not good, its session has ended, or it was issued to no app of this gateway
   * @throws AuthError INVALID_CLIENT: the calling app client is not the one that the token was issued to
   */
  authenticate(presented: {
    readonly accessToken: string | undefined;
    readonly client?: AuthenticatedClient | undefined;
  }): Promise<Bearer>;
}

export function createBearerAuthenticator(deps: {
  readonly accessTokens: AccessTokens;
  readonly apps: AppRegistry;
}): BearerAuthenticator {
  const { accessTokens, apps } = deps;
  return {
    async authenticate({ accessToken, client }) {
      if (!accessToken) throw new AuthError("INVALID_TOKEN");
      const claims = await accessTokens.verify(accessToken);
      if (claims === undefined) throw new AuthError("INVALID_TOKEN");
      if (client !== undefined && client.app.id !== claims.azp) throw new AuthError("INVALID_CLIENT");
      const app = apps.find(claims.azp);
      if (app === undefined) throw new AuthError("INVALID_TOKEN");
      return { claims, app };
    },
  };
}
