import { genericGrantRequest, refreshTokenGrant, tokenIntrospection } from "openid-client";
import { type UpstreamFate, UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type {
  ClientCredentials,
  EndUser,
  ExchangeOutcome,
  FactorOutcome,
  IdentityProvider,
  PasswordOutcome,
  RefreshOutcome,
} from "../../domain/ports/identity-provider.ts";
import { endUserHeaders } from "./end-user-headers.ts";
import { canBeRefreshToken } from "./ids.ts";
import {
  exchangeRefusal,
  factorRefusal,
  fateOfUnknownRefusal,
  isClientRefusal,
  passwordRefusal,
  type Refusal,
  refreshTokenRefusal,
  refusalIn,
  unexpectedRefusal,
  unusableAnswer,
} from "./map-errors.ts";
import type { OAuthClient } from "./oauth-client.ts";
import type { OrganizationNames } from "./organizations.ts";
import { sessionOf, type TokenAnswer, toIssuedTokens, toSubjectToken } from "./token-claims.ts";

const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`;
const scope = "openid organization";

/** Keycloak takes an empty secret for a client without one; here it is only a wrong one. */
const isBlank = (client: ClientCredentials) => client.id === "" || client.secret === "";

/** Runs a request of the token endpoint: `accept` reads a success, `refuse` a refusal that it knows, `fateOf` any other. */
async function settle<T>(
  request: Promise<TokenAnswer>,
  accept: (answer: TokenAnswer) => T | Promise<T>,
  refuse: (refusal: Refusal) => T | undefined,
  fateOf: (refusal: Refusal) => UpstreamFate = () => "noVerdict",
): Promise<T> {
  let answer: TokenAnswer;
  try {
    answer = await request;
  } catch (cause) {
    const refusal = refusalIn(cause);
    if (!refusal) throw unusableAnswer("token", cause);
    const outcome = refuse(refusal);
    if (outcome === undefined) throw unexpectedRefusal("token", refusal, fateOf(refusal));
    return outcome;
  }
  return accept(answer);
}

/** The token endpoint's part of the port. No request of this file is ever sent twice. */
export function createTokens(deps: {
  readonly oauthClient: OAuthClient;
  readonly otpClient: ClientCredentials;
  readonly mintClient: ClientCredentials;
  readonly organizationName: OrganizationNames;
}): Pick<IdentityProvider, "checkClient" | "passwordGrant" | "totpGrant" | "mintGrant" | "exchange" | "refresh"> {
  const { oauthClient, otpClient, mintClient, organizationName } = deps;

  /** The grant of a client whose flow asks for no password. */
  async function factorGrant(client: ClientCredentials, endUser: EndUser, parameters: Record<string, string>) {
    return settle<FactorOutcome>(
      genericGrantRequest(oauthClient(client, endUserHeaders(endUser)), "password", { ...parameters, scope: "openid" }),
      (answer) => ({ kind: "verified", subject: toSubjectToken(answer) }),
      factorRefusal,
      fateOfUnknownRefusal,
    );
  }

  return {
    async checkClient(client) {
      if (isBlank(client)) return false;
      try {
        // Any token will do: only a client that has proven itself is told whether it is active.
        await tokenIntrospection(oauthClient(client), "client-check");
        return true;
      } catch (cause) {
        const refusal = refusalIn(cause);
        if (!refusal) throw unusableAnswer("introspection", cause);
        if (isClientRefusal(refusal)) return false;
        throw unexpectedRefusal("introspection", refusal);
      }
    },

    async passwordGrant({ client, email, password, endUser }) {
      if (isBlank(client)) return { kind: "clientRejected" };
      const config = oauthClient(client, endUserHeaders(endUser));
      return settle<PasswordOutcome>(
        genericGrantRequest(config, "password", { username: email, password, scope }),
        async (answer) => ({ kind: "tokens", tokens: await toIssuedTokens(answer, organizationName) }),
        passwordRefusal,
        fateOfUnknownRefusal,
      );
    },

    totpGrant: ({ username, code, endUser }) => factorGrant(otpClient, endUser, { username, totp: code }),

    mintGrant: ({ username, endUser }) => factorGrant(mintClient, endUser, { username }),

    async exchange({ client, subject, endUser }) {
      if (isBlank(client)) return { kind: "clientRejected" };
      const config = oauthClient(client, endUserHeaders(endUser));
      return settle<ExchangeOutcome>(
        genericGrantRequest(config, tokenExchange, {
          subject_token: subject.accessToken,
          subject_token_type: tokenType("access_token"),
          requested_token_type: tokenType("refresh_token"),
          scope,
        }),
        async (answer) => {
          if (sessionOf(answer) !== subject.sessionId)
            throw new UpstreamUnavailable("The exchanged tokens belong to another session", "noVerdict");
          return { kind: "tokens", tokens: await toIssuedTokens(answer, organizationName) };
        },
        exchangeRefusal,
      );
    },

    async refresh({ client, refreshToken, endUser }) {
      if (isBlank(client)) return { kind: "clientRejected" };
      if (!canBeRefreshToken(refreshToken)) return { kind: "rejected" };
      const config = oauthClient(client, endUserHeaders(endUser));
      return settle<RefreshOutcome>(
        refreshTokenGrant(config, refreshToken),
        async (answer) => ({ kind: "tokens", tokens: await toIssuedTokens(answer, organizationName) }),
        refreshTokenRefusal,
      );
    },
  };
}
