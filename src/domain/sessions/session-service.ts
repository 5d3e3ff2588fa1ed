import { AuthError } from "../../contract/errors.ts";
import { limits as sizes } from "../../contract/limits.ts";
import type { AuthenticatedClient, ClientAuthenticator } from "../clients/client-authenticator.ts";
import { refusalError } from "../lockout/attempt-runner.ts";
import type { AccessTokens } from "../ports/access-tokens.ts";
import type { Admission } from "../ports/admission.ts";
import { StoreUnavailable } from "../ports/faults.ts";
import type { EndUser, IdentityProvider, IssuedTokens } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import { isLicensed } from "./licence.ts";
import { sealTokens, unsealTokens } from "./replay-seal.ts";

export interface RefreshRequest {
  readonly client: AuthenticatedClient;
  readonly refreshToken: string;
  readonly endUser: EndUser;
  readonly limits: RequestLimits;
  readonly signal?: AbortSignal | undefined;
}

export interface SessionService {
  /**
   * Rotates a refresh token. Requests with the same token, parallel or within ten seconds and at any instance, get the same
   * new tokens from one upstream refresh, for as long as their session lives.
   *
   * @throws AuthError TOKEN_EXPIRED, APP_NOT_LICENSED, RATE_LIMITED, INVALID_CLIENT
   */
  refresh(request: RefreshRequest): Promise<IssuedTokens>;
  /**
   * Ends the session of a refresh token, for every app in it.
   *
   * @throws AuthError TOKEN_EXPIRED: the token is expired, revoked, unknown or another client's
   */
  logout(request: { readonly client: AuthenticatedClient; readonly refreshToken: string }): Promise<void>;
}

export function createSessionService(deps: {
  readonly admission: Admission;
  readonly identityProvider: IdentityProvider;
  readonly accessTokens: Pick<AccessTokens, "isLive">;
  readonly clients: ClientAuthenticator;
  readonly hash: KeyedHash;
}): SessionService {
  const { admission, identityProvider, accessTokens, clients, hash } = deps;

  function clientRejected(client: AuthenticatedClient): AuthError {
    clients.forget(client.credentials);
    return new AuthError("INVALID_CLIENT");
  }

  async function rotate({ client, refreshToken, endUser }: RefreshRequest): Promise<IssuedTokens> {
    const credentials = client.credentials;
    const outcome = await identityProvider.refresh({ client: credentials, refreshToken, endUser });
    if (outcome.kind === "clientRejected") throw clientRejected(client);
    if (outcome.kind === "rejected") throw new AuthError("TOKEN_EXPIRED");
    if (isLicensed(client.app, outcome.tokens.user.licenses)) return outcome.tokens;
    await identityProvider.logout({ client: credentials, refreshToken: outcome.tokens.refreshToken });
    throw new AuthError("APP_NOT_LICENSED");
  }

  /** The session may have ended since the tokens were left: whoever comes late must not get an access token for it. */
  async function replay(sealed: string, refreshToken: string): Promise<IssuedTokens> {
    const tokens = unsealTokens(sealed, refreshToken);
    if (!(await accessTokens.isLive(tokens.accessToken))) throw new AuthError("TOKEN_EXPIRED");
    return tokens;
  }

  return {
    async refresh(request) {
      const { client, refreshToken, limits, signal } = request;
      // The client's id is part of the name: what one client refreshed is never replayed to another.
      const flight = hash("refresh", `${client.app.id}\n${refreshToken}`);
      const entry = await admission.enterFlight({ flight }, limits.take(), signal);
      limits.report(entry.buckets);
      if (entry.kind === "replayed") return replay(entry.value, refreshToken);
      if (entry.kind !== "admitted") throw refusalError(entry);

      let tokens: IssuedTokens;
      try {
        tokens = await rotate(request);
      } catch (error) {
        await admission.settleFlight(entry.ticket).catch(() => undefined);
        throw error;
      }
      const leave = { value: sealTokens(tokens, refreshToken), ttlSeconds: sizes.refreshReplaySeconds };
      await admission.settleFlight(entry.ticket, leave).catch((error: unknown) => {
        // The old token is used up: withholding the new one would end the session. Only a replay is lost.
        if (!(error instanceof StoreUnavailable)) throw error;
      });
      return tokens;
    },

    async logout({ client, refreshToken }) {
      const outcome = await identityProvider.logout({ client: client.credentials, refreshToken });
      if (outcome.kind === "clientRejected") throw clientRejected(client);
      if (outcome.kind === "rejected") throw new AuthError("TOKEN_EXPIRED");
    },
  };
}
