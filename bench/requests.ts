import { headlessBasePath } from "../src/contract/headless.ts";
import { rawRequest } from "./http-client.ts";
import { stubOtpPrefix, stubUserId, stubWrongPassword, stubWrongSecret } from "./stub-facts.ts";

/** The app client of keycloak/apps.json that benchmarks call as. */
export const app = { id: "cca_demo", secret: "ccas_development_only_demo" };

const appHeaders = { "x-client-id": app.id, "x-client-secret": app.secret };

function post(path: string, body: object, headers: Readonly<Record<string, string>> = appHeaders): string {
  return rawRequest({
    method: "POST",
    path: `${headlessBasePath}${path}`,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Users by turns, so that no two requests under way are of one account. */
const users = 4_000;
const emailOf = (index: number) => `user-${index % users}@example.com`;

/** The bodies and headers of the requests that are measured, ready to be sent. */
export const requests = {
  login: (index: number) => post("/login", { email: emailOf(index), password: "SecurePass1" }),
  loginAs: (email: string, password: string) => post("/login", { email, password }),
  challenge: (index: number) => post("/login", { email: `${stubOtpPrefix}${emailOf(index)}`, password: "SecurePass1" }),
  verify: (mfaToken: string, code: string) => post("/mfa/verify", { mfaToken, code, method: "totp" }),
  /** Each with a token of its own: one that comes twice is answered from the store. */
  refresh: (refreshToken: string) => post("/refresh", { refreshToken }),
  sessions: () =>
    rawRequest({ method: "GET", path: `${headlessBasePath}/sessions?userId=${stubUserId}`, headers: appHeaders }),
  mfaStatus: (accessToken: string) =>
    rawRequest({
      method: "GET",
      path: `${headlessBasePath}/mfa/status`,
      headers: { authorization: `Bearer ${accessToken}` },
    }),
  failedLogin: (index: number) => post("/login", { email: `failed-${index}@example.com`, password: stubWrongPassword }),
  /** Of an account that is locked once it was sent five times. */
  locked: () => post("/login", { email: "locked@example.com", password: stubWrongPassword }),
  /** Of an address that has had its share. */
  limited: () => post("/login", { email: emailOf(0), password: "x" }, { ...appHeaders, "x-end-user-ip": "192.0.2.9" }),
  wrongClient: () =>
    post("/login", { email: emailOf(0), password: "x" }, { ...appHeaders, "x-client-secret": stubWrongSecret }),
} as const;

/** A refresh token of the usual length that is like no other, of the stub's user. */
export function refreshTokenLike(index: number): string {
  const claims = JSON.stringify({ sub: stubUserId, jti: String(index).padStart(12, "0"), scope: "x".repeat(400) });
  return `eyJhbGciOiJIUzUxMiJ9.${Buffer.from(claims).toString("base64url")}.${"y".repeat(86)}`;
}

/** The form of the direct grant that a login becomes, for calls past the gateway. */
export function directGrant(realm: string, email: string, password: string): string {
  return rawRequest({
    method: "POST",
    path: `/realms/${realm}/protocol/openid-connect/token`,
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: new URLSearchParams({
      grant_type: "password",
      client_id: app.id,
      client_secret: app.secret,
      scope: "openid organization",
      username: email,
      password,
    }).toString(),
  });
}
