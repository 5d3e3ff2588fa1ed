import { createHash, randomBytes } from "node:crypto";
import { ScureBase32Plugin } from "otplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callApi } from "../support/api.ts";
import { createBrowserSession } from "../support/browser-session.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { claimsOf, createUser, demoApp, issuer, oidc, sessionsOf, totpCode } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let gateway: TestGateway;
beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({ redisUrl: redis.url });
});
afterAll(async () => {
  await gateway?.stop();
  await redis?.stop();
});

/** Keycloak's own login page, asked to set up an authenticator app after the login. */
function accountLoginUrl(): string {
  const challenge = createHash("sha256").update(randomBytes(32).toString("hex")).digest("base64url");
  const parameters = new URLSearchParams({
    client_id: "account-console",
    redirect_uri: `${issuer}/account/`,
    response_type: "code",
    scope: "openid",
    code_challenge: challenge,
    code_challenge_method: "S256",
    kc_action: "CONFIGURE_TOTP",
  });
  return `${issuer}/protocol/openid-connect/auth?${parameters}`;
}

// Threat: a second factor that was set up elsewhere is not known to the gateway, and the password alone logs in.
test("a user whose OTP was set in Keycloak's own pages gets a challenge, and no tokens from Keycloak with the app's secret", async () => {
  const user = await createUser();
  const browser = createBrowserSession();
  const loginPage = await browser.open(accountLoginUrl());
  // With organizations, Keycloak asks for the name first.
  const passwordPage = await browser.submit(loginPage, { username: user.email });
  const setupPage = await browser.submit(passwordPage, { username: user.email, password: user.password });
  const rawSecret = setupPage.field("totpSecret");
  if (rawSecret === undefined) throw new Error(`Keycloak did not show the page that sets up OTP:\n${setupPage.html}`);
  const secret = new ScureBase32Plugin().encode(Buffer.from(rawSecret), { padding: false });
  await browser.submit(setupPage, { totp: totpCode(secret), userLabel: "Phone" });
  const [browserSession] = await sessionsOf(user);

  const login = await callApi(gateway, "/login", { body: { email: user.email, password: user.password } });
  expect(login.body).toMatchObject({ mfaRequired: true, methods: ["totp"] });
  expect((await sessionsOf(user)).map(({ id }) => id)).toEqual([browserSession?.id]);
  const direct = await oidc("token", demoApp, {
    grant_type: "password",
    username: user.email,
    password: user.password,
  });
  expect(direct.body).not.toHaveProperty("access_token");

  // Keycloak has seen this step's code at the setup: the next one.
  const { status, body } = await callApi(gateway, "/mfa/verify", {
    body: { mfaToken: login.body.mfaToken, code: totpCode(secret, 1), method: "totp" },
  });
  expect(status).toBe(200);
  expect(claimsOf(body.accessToken)).toMatchObject({ sub: user.userId, azp: demoApp.id });
});
