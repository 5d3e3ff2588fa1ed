import { tokenIntrospection } from "openid-client";
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
import { sessionOf, toIssuedTokens, toSubjectToken } from "./token-claims.ts";
import type { TokenAnswer, TokenEndpoint } from "./token-endpoint.ts";

const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`;
const scope = "openid organization";

/** Keycloak takes an empty secret for a client without one; here it is only a wrong one. */
const isBlank = (client: ClientCredentials) => client.id === "" || client.secret === "";

/** Settles a request of the token endpoint: `accept` reads a success, `refuse` a refusal that it knows, `fateOf` any other. */
async function settle<T>(
  request: ReturnType<TokenEndpoint>,
  accept: (answer: TokenAnswer) => T | Promise<T>,
  refuse: (refusal: Refusal) => T | undefined,
  fateOf: (refusal: Refusal) => UpstreamFate = () => "noVerdict",
): Promise<T> {
  const answer = await request;
  if ("tokens" in answer) return accept(answer.tokens);
  const outcome = refuse(answer.refusal);
  if (outcome === undefined) throw unexpectedRefusal("token", answer.refusal, fateOf(answer.refusal));
  return outcome;
}

/** The token endpoint's part of the port. No request of this file is ever sent twice. */
export function createTokens(deps: {
  readonly oauthClient: OAuthClient;
  readonly tokenEndpoint: TokenEndpoint;
  readonly otpClient: ClientCredentials;
  readonly mintClient: ClientCredentials;
  readonly organizationName: OrganizationNames;
}): Pick<IdentityProvider, "checkClient" | "passwordGrant" | "totpGrant" | "mintGrant" | "exchange" | "refresh"> {
  const { oauthClient, tokenEndpoint, otpClient, mintClient, organizationName } = deps;

  /** The grant of a client whose flow asks for no password. */
  async function factorGrant(client: ClientCredentials, endUser: EndUser, parameters: Record<string, string>) {
    return settle<FactorOutcome>(
      tokenEndpoint(client, { grant_type: "password", ...parameters, scope: "openid" }, endUserHeaders(endUser)),
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
      return settle<PasswordOutcome>(
        tokenEndpoint(client, { grant_type: "password", username: email, password, scope }, endUserHeaders(endUser)),
        async (answer) => ({ kind: "tokens", tokens: await toIssuedTokens(answer, organizationName) }),
        passwordRefusal,
        fateOfUnknownRefusal,
      );
    },

    totpGrant: ({ username, code, endUser }) => factorGrant(otpClient, endUser, { username, totp: code }),

    mintGrant: ({ username, endUser }) => factorGrant(mintClient, endUser, { username }),

    async exchange({ client, subject, endUser }) {
      if (isBlank(client)) return { kind: "clientRejected" };
      const parameters = {
        grant_type: tokenExchange,
        subject_token: subject.accessToken,
        subject_token_type: tokenType("access_token"),
        requested_token_type: tokenType("refresh_token"),
        scope,
      };
      return settle<ExchangeOutcome>(
        tokenEndpoint(client, parameters, endUserHeaders(endUser)),
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
      const parameters = { grant_type: "refresh_token", refresh_token: refreshToken };
      return settle<RefreshOutcome>(
        tokenEndpoint(client, parameters, endUserHeaders(endUser)),
        async (answer) => ({ kind: "tokens", tokens: await toIssuedTokens(answer, organizationName) }),
        refreshTokenRefusal,
      );
    },
  };
}
