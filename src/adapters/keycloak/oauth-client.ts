import {
  allowInsecureRequests,
  ClientSecretPost,
  Configuration,
  customFetch,
  type ServerMetadata,
} from "openid-client";
import type { ClientCredentials } from "../../domain/ports/identity-provider.ts";
import { type KeycloakHttp, requireJson } from "./http.ts";

/** Makes the openid-client configuration of one call. */
export type OAuthClient = (client: ClientCredentials) => Configuration;

/**
 * For what is asked now and then: the service account's own token, and introspection. The server's metadata is written down
 * here instead of discovered, so that the gateway starts while Keycloak is away. A configuration is made for every call, so
 * that no cache holds the secrets of apps.
 */
export function createOAuthClient(deps: {
  readonly http: KeycloakHttp;
  /** Base of the realm's endpoints, `https://…/realms/…`. */
  readonly realmUrl: string;
  readonly issuer: string;
}): OAuthClient {
  const { http, realmUrl } = deps;
  const server: ServerMetadata = {
    issuer: deps.issuer,
    token_endpoint: `${realmUrl}/protocol/openid-connect/token`,
    introspection_endpoint: `${realmUrl}/protocol/openid-connect/token/introspect`,
  };
  const insecure = realmUrl.startsWith("http:");

  return (client) => {
    const config = new Configuration(server, client.id, undefined, ClientSecretPost(client.secret));
    // The deadline is the transport's.
    config.timeout = 0;
    if (insecure) allowInsecureRequests(config);
    config[customFetch] = async (url, options) => {
      const answer = await http.send({
        method: options.method === "GET" ? "GET" : "POST",
        path: new URL(url).pathname,
        headers: options.headers,
        body: String(options.body ?? ""),
      });
      // The library would read tokens from an answer of any type; Keycloak also sends pages with status 200.
      requireJson(answer);
      return new Response(answer.body, { status: answer.status, headers: { "content-type": answer.contentType } });
    };
    return config;
  };
}
