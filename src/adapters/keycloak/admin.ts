import { clientCredentialsGrant } from "openid-client";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { ClientCredentials } from "../../domain/ports/identity-provider.ts";
import type { AdminChange } from "./admin-change.ts";
import type { HttpAnswer, HttpCall } from "./exchange.ts";
import { type KeycloakHttp, parseJson } from "./http.ts";
import { refusalIn, unexpectedRefusal, unusableAnswer } from "./map-errors.ts";
import type { OAuthClient } from "./oauth-client.ts";

const renewBeforeExpiryMs = 30_000;

/** Keycloak's admin API, as the gateway's service account. Paths are relative to the realm and begin with a slash. */
export interface AdminApi {
  /** The JSON body, or undefined when there is no such thing. `maxAnswerBytes`: default 1 MiB. */
  get(path: string, maxAnswerBytes?: number): Promise<unknown>;
  /** Whether there was such a thing. */
  delete(path: string): Promise<boolean>;
  /** Never sent a second time once it may have been carried out. */
  change(method: "POST" | "PUT", path: string, body?: unknown): Promise<AdminChange>;
}

/**
 * The service account's access token is kept until 30 seconds before its end; any number of calls share one fetch. A call
 * that is answered 401 was not carried out and is sent once more with a new token.
 */
export function createAdminApi(deps: {
  readonly http: KeycloakHttp;
  readonly oauthClient: OAuthClient;
  readonly adminClient: ClientCredentials;
  /** Path of the realm in the admin API, `/admin/realms/…`. */
  readonly adminPath: string;
  readonly clock: Pick<Clock, "now">;
}): AdminApi {
  const { http, oauthClient, adminClient, adminPath, clock } = deps;
  let token: { readonly value: string; readonly renewAt: number } | undefined;
  let fetching: Promise<string> | undefined;

  async function fetchToken(): Promise<string> {
    const requestedAt = clock.now();
    const answer = await clientCredentialsGrant(oauthClient(adminClient)).catch((cause: unknown) => {
      const refusal = refusalIn(cause);
      throw refusal ? unexpectedRefusal("token", refusal) : unusableAnswer("token", cause);
    });
    const lifetimeMs = (answer.expires_in ?? 0) * 1000;
    token = { value: answer.access_token, renewAt: requestedAt + lifetimeMs - renewBeforeExpiryMs };
    return answer.access_token;
  }

  async function accessToken(): Promise<string> {
    if (token && clock.now() < token.renewAt) return token.value;
    fetching ??= fetchToken().finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  async function send(
    method: HttpCall["method"],
    path: string,
    body?: unknown,
    maxAnswerBytes?: number,
  ): Promise<HttpAnswer> {
    const withToken = (value: string) =>
      http.send({
        method,
        path: adminPath + path,
        headers: {
          authorization: `Bearer ${value}`,
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(maxAnswerBytes !== undefined && { maxAnswerBytes }),
      });
    const used = await accessToken();
    const answer = await withToken(used);
    if (answer.status !== 401) return answer;
    // A parallel call may have replaced the token already.
    if (token?.value === used) token = undefined;
    return withToken(await accessToken());
  }

  function unexpected(answer: HttpAnswer): UpstreamUnavailable {
    return new UpstreamUnavailable(`Keycloak's admin API answered ${answer.status}`, "noVerdict");
  }

  /** Every 404 but that of a missing realm, which is a fault, says that the thing asked for is not there. */
  function isMissing(answer: HttpAnswer): boolean {
    if (answer.status !== 404) return false;
    const { error } = Object(parseJson(answer)) as { error?: unknown };
    return typeof error === "string" && /not found$/i.test(error) && !/realm/i.test(error);
  }

  return {
    async get(path, maxAnswerBytes) {
      const answer = await send("GET", path, undefined, maxAnswerBytes);
      if (isMissing(answer)) return undefined;
      if (answer.status !== 200) throw unexpected(answer);
      const body = parseJson(answer);
      // Read on, it would be taken for a thing that is not there.
      if (typeof body !== "object" || body === null) throw unexpected(answer);
      return body;
    },
    async delete(path) {
      const answer = await send("DELETE", path);
      if (isMissing(answer)) return false;
      if (answer.status !== 204 && answer.status !== 200) throw unexpected(answer);
      return true;
    },
    async change(method, path, body) {
      const answer = await send(method, path, body);
      const { status } = answer;
      if (isMissing(answer)) return { kind: "missing" };
      if (status === 400 || status === 409) return { kind: "refused", status, body: parseJson(answer) };
      if (status !== 204 && status !== 201) throw unexpected(answer);
      const location = answer.header("location");
      return { kind: "done", id: location.slice(location.lastIndexOf("/") + 1) };
    },
  };
}
