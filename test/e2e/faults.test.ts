import { afterAll, beforeAll, expect, test } from "vitest";
import { callApi } from "../support/api.ts";
import { startGateway } from "../support/gateway.ts";
import { createUser, totpCode } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis?.stop();
});

// Threat: a password, code, token or secret in a log, where more people read it than in the database.
test("the log holds no secret of anything that was sent or answered", async () => {
  const gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_LOG_LEVEL: "trace" } });
  const [plain, withOtp] = [await createUser(), await createUser({ totp: true })];
  const secrets: string[] = [plain.password, withOtp.password, plain.email, withOtp.email];
  const { body: tokens } = await callApi(gateway, "/login", { body: { email: plain.email, password: plain.password } });
  const wrong = `wrong-${plain.userId}`;
  await callApi(gateway, "/login", { body: { email: plain.email, password: wrong } });
  const { body: challenge } = await callApi(gateway, "/login", {
    body: { email: withOtp.email, password: withOtp.password },
  });
  const code = totpCode(withOtp.totpSecret);
  await callApi(gateway, "/mfa/verify", { body: { mfaToken: challenge.mfaToken, code, method: "totp" } });
  const { body: refreshed } = await callApi(gateway, "/refresh", { body: { refreshToken: tokens.refreshToken } });
  await callApi(gateway, "/logout", { body: { refreshToken: refreshed.refreshToken } });
  const badSecret = "ccas_marked-secret";
  await callApi(gateway, "/login", { app: { id: "cca_demo", secret: badSecret }, body: {} });
  await fetch(`${gateway.url}/api/v1/auth/headless/nowhere?marked=query-value`, {
    method: "POST",
    body: "marked-body",
  });
  secrets.push(wrong, tokens.accessToken, tokens.refreshToken, tokens.idToken, challenge.mfaToken);
  secrets.push(refreshed.accessToken, refreshed.refreshToken, badSecret, "query-value", "marked-body");
  secrets.push("ccas_development_only_demo", "development-only");
  await gateway.stop();
  const log = gateway.output();
  expect(log.split("\n").length).toBeGreaterThan(8);
  for (const secret of secrets) expect(log).not.toContain(secret);
  expect(log).not.toContain(`"${code}"`);
});
