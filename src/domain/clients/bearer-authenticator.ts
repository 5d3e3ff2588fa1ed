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
   * `admit` charges the limits of the app's call. It runs between the two, so that neither a bad token costs anybody's limits nor
   * a good one more calls of the identity provider than they allow. What it throws is thrown on.
   *
   * @throws AuthError INVALID_TOKEN: missing, not good, its session has ended, or it was issued to no app of this gateway
   * @throws AuthError INVALID_CLIENT: the calling app client is not the one that the token was issued to
   */
  authenticate(presented: {
    readonly accessToken: string | undefined;
    readonly client?: AuthenticatedClient | undefined;
    readonly admit?: (app: App) => Promise<void>;
  }): Promise<Bearer>;
}

export function createBearerAuthenticator(deps: {
  readonly accessTokens: Pick<AccessTokens, "verify">;
  readonly apps: AppRegistry;
}): BearerAuthenticator {
  const { accessTokens, apps } = deps;
  return {
    async authenticate({ accessToken, client, admit }) {
      if (!accessToken) throw new AuthError("INVALID_TOKEN");
      function appOf(azp: string): App {
        if (client !== undefined && client.app.id !== azp) throw new AuthError("INVALID_CLIENT");
        const app = apps.find(azp);
        if (app === undefined) throw new AuthError("INVALID_TOKEN");
        return app;
      }
      const claims = await accessTokens.verify(accessToken, async ({ azp }) => admit?.(appOf(azp)));
      if (claims === undefined) throw new AuthError("INVALID_TOKEN");
      return { claims, app: appOf(claims.azp) };
    },
  };
}
