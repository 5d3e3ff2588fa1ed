// The job of the floors, which is the gateway's for a login and a refresh, without any of its checks: one script at the store,
// one form to Keycloak, one script at the store, and the tokens with their user to be shown.
import { createHash } from "node:crypto";
import { Pool } from "undici";
import { sealTokens } from "../src/domain/sessions/replay-seal.ts";

/** A login or a refresh. */
export interface JobInput {
  readonly email?: string;
  readonly password?: string;
  readonly refreshToken?: string;
}

/** What a floor asks of the store; `subject` names the account or the token. */
export interface JobStore {
  enter(subject: string): Promise<unknown>;
  settle(subject: string, left: readonly string[]): Promise<unknown>;
}

const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
const nameOf = (text: string) => createHash("sha256").update(text).digest("base64url");

/**
 * Does it for one request: what is to be shown, or undefined when Keycloak refused.
 *
 * FLOOR_KEYCLOAK, FLOOR_REALM: where the grant goes. FLOOR_SEALING: not empty, and what a refresh leaves is sealed like the
 * gateway's.
 */
export function openJob(store: JobStore) {
  const { FLOOR_KEYCLOAK = "", FLOOR_REALM = "", FLOOR_SEALING = "" } = process.env;
  const pool = new Pool(FLOOR_KEYCLOAK, { connections: 128 });
  const tokenPath = `/realms/${FLOOR_REALM}/protocol/openid-connect/token`;

  return async ({ email, password = "", refreshToken = "" }: JobInput, clientId: string, clientSecret: string) => {
    const subject = nameOf(email ?? refreshToken);
    await store.enter(subject);
    const credentials = { client_id: clientId, client_secret: clientSecret, scope: "openid organization" };
    const form = new URLSearchParams(
      email === undefined
        ? { grant_type: "refresh_token", refresh_token: refreshToken, ...credentials }
        : { grant_type: "password", username: email, password, ...credentials },
    );
    const answer = await pool.request({
      method: "POST",
      path: tokenPath,
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: form.toString(),
    });
    const text = await answer.body.text();
    // What was refreshed is left for a repetition.
    const left =
      email !== undefined ? [] : FLOOR_SEALING === "" ? [text] : [sealTokens(JSON.parse(text), refreshToken)];
    await store.settle(subject, left);
    if (answer.statusCode !== 200) return undefined;
    const tokens = JSON.parse(text);
    const claims = claimsOf(tokens.id_token);
    return {
      accessToken: tokens.access_token as string,
      refreshToken: tokens.refresh_token as string,
      idToken: tokens.id_token as string,
      expiresAt: new Date(claimsOf(tokens.access_token).exp * 1000).toISOString(),
      user: { userId: claims.sub, email: claims.email, firstName: claims.given_name, lastName: claims.family_name },
    };
  };
}
