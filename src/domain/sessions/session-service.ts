import { AuthError } from "../../contract/errors.ts";
import { limits as sizes } from "../../contract/limits.ts";
import type { AuthenticatedClient, ClientAuthenticator } from "../clients/client-authenticator.ts";
import { refusalError } from "../lockout/attempt-runner.ts";
import type { AccessTokens } from "../ports/access-tokens.ts";
import type { Admission, Replayed } from "../ports/admission.ts";
import type { EndingState } from "../ports/ending-marks.ts";
import { StoreUnavailable } from "../ports/faults.ts";
import type { EndUser, IdentityProvider, IssuedTokens } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import { isLicensed } from "./licence.ts";
import { sealTokens, unsealTokens } from "./replay-seal.ts";
import type { SessionEndings } from "./session-endings.ts";

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
   * new tokens from one upstream refresh, for as long as their session lives. Beside the end of the session nobody gets any.
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
  readonly endings: SessionEndings;
  readonly clients: ClientAuthenticator;
  readonly hash: KeyedHash;
}): SessionService {
  const { admission, identityProvider, accessTokens, endings, clients, hash } = deps;

  function clientRejected(client: AuthenticatedClient): AuthError {
    clients.forget(client.credentials);
    return new AuthError("INVALID_CLIENT");
  }

  /** Ends the session of a refresh token that names this user, or none. */
  function end(userId: string | undefined, { credentials }: AuthenticatedClient, refreshToken: string) {
    return endings.run(userId, async (ended) => {
      const outcome = await identityProvider.logout({ client: credentials, refreshToken });
      if (outcome.kind !== "clientRejected" && outcome.sessionId !== undefined) ended(outcome.sessionId);
      return outcome;
    });
  }

  async function rotate({ client, refreshToken, endUser }: RefreshRequest): Promise<IssuedTokens> {
    const credentials = client.credentials;
    const outcome = await identityProvider.refresh({ client: credentials, refreshToken, endUser });
    if (outcome.kind === "clientRejected") throw clientRejected(client);
    if (outcome.kind === "rejected") throw new AuthError("TOKEN_EXPIRED");
    const { user, refreshToken: newest } = outcome.tokens;
    if (isLicensed(client.app, user.licenses)) return outcome.tokens;
    await end(user.userId, client, newest);
    throw new AuthError("APP_NOT_LICENSED");
  }

  /** Gives tokens out, unless an ending that was seen after they were issued has met their session. */
  async function unlessEnded(tokens: IssuedTokens, seen: EndingState): Promise<IssuedTokens> {
    const session = { userId: tokens.user.userId, sessionId: tokens.sessionId };
    if (!(await endings.survives(session, seen))) throw new AuthError("TOKEN_EXPIRED");
    return tokens;
  }

  /** The session may have ended since the tokens were left: whoever comes late must not get an access token for it. */
  async function replay({ value, ending }: Replayed, refreshToken: string): Promise<IssuedTokens> {
    const tokens = unsealTokens(value, refreshToken);
    if (!(await accessTokens.isLive(tokens.accessToken))) throw new AuthError("TOKEN_EXPIRED");
    return unlessEnded(tokens, ending);
  }

  return {
    async refresh(request) {
      const { client, refreshToken, limits, signal } = request;
      // The client's id is part of the name: what one client refreshed is never replayed to another.
      const flight = hash("refresh", `${client.app.id}\n${refreshToken}`);
      const userId = identityProvider.userOf(refreshToken);
      const user = userId === undefined ? flight : endings.nameOf(userId);
      const entry = await admission.enterFlight({ flight, user }, limits.take(), signal);
      limits.report(entry.buckets);
      if (entry.kind === "replayed") return replay(entry, refreshToken);
      if (entry.kind !== "admitted") throw refusalError(entry);

      let tokens: IssuedTokens;
      try {
        tokens = await rotate(request);
      } catch (error) {
        await admission.settleFlight(entry.ticket).catch(() => undefined);
        throw error;
      }
      const leave = { value: sealTokens(tokens, refreshToken), ttlSeconds: sizes.refreshReplaySeconds };
      const seen = await admission.settleFlight(entry.ticket, leave).catch((error: unknown): EndingState => {
        // The old token is used up: withholding the new one would end the session. It is given out if the session is listed.
        if (!(error instanceof StoreUnavailable)) throw error;
        return "underWay";
      });
      // The grant has proven the token, so it named the right user; where it named none, nobody has looked for a mark.
      return unlessEnded(tokens, userId === tokens.user.userId ? seen : "underWay");
    },

    async logout({ client, refreshToken }) {
      const outcome = await end(identityProvider.userOf(refreshToken), client, refreshToken);
      if (outcome.kind === "clientRejected") throw clientRejected(client);
      if (outcome.kind === "rejected") throw new AuthError("TOKEN_EXPIRED");
    },
  };
}
