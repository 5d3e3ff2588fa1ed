import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi, tally } from "../support/api.ts";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, issuer, keycloakUrl, totpCode } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let proxy: CountingProxy;
let gateway: TestGateway;
beforeAll(async () => {
  redis = await startRedis();
  proxy = await startCountingProxy(keycloakUrl);
  gateway = await startGateway({
    redisUrl: redis.url,
    env: {
      HEADGATE_KEYCLOAK_URL: proxy.url,
      HEADGATE_KEYCLOAK_ISSUER: issuer,
      HEADGATE_PASSWORD_CONCURRENCY: "2",
      HEADGATE_PASSWORD_QUEUE_LIMIT: "3",
      HEADGATE_PASSWORD_WAIT_MS: "4000",
    },
  });
});
afterAll(async () => {
  await gateway?.stop();
  await proxy?.close();
  await redis?.stop();
});

// Threat: more logins than Keycloak can hash. Each is answered later than the one before, until all time out and none gets
// through; and whoever was turned away has lost an attempt by it.
describe("logins beyond what Keycloak can check are turned away early", () => {
  test("as many pass as may run and wait; the others get 429, cost Keycloak nothing and lose no attempt", async () => {
    const users = await Promise.all(Array.from({ length: 16 }, () => createUser()));
    const withTotp = await createUser({ totp: true });
    const login = ({ email, password }: { email: string; password: string }) =>
      callApi(gateway, "/login", { body: { email, password } });
    const { body: challenge } = await login(withTotp);
    expect(challenge.mfaRequired).toBe(true);

    const isLogin = (form: URLSearchParams) => form.get("grant_type") === "password" && form.has("password");
    // Long enough for all of them to come before the first one is answered.
    proxy.inject(({ form }) => (isLogin(form) ? { kind: "delay", ms: 1_500 } : undefined));
    proxy.reset();
    const pending = users.map(login);
    // Who has got past the password waits for no turn.
    const code = totpCode(withTotp.totpSecret);
    const verify = { mfaToken: challenge.mfaToken, code, method: "totp" };
    expect((await callApi(gateway, "/mfa/verify", { body: verify })).status).toBe(200);
    const answers = await Promise.all(pending);
    proxy.inject(undefined);

    expect(tally(answers)).toEqual({ "200": 5, "429 RATE_LIMITED": 11 });
    expect(proxy.calls.filter(({ form }) => isLogin(form))).toHaveLength(5);
    for (const [index, { status, headers, body }] of answers.entries()) {
      if (status === 200) continue;
      expect([headers.get("retry-after"), body.details]).toEqual(["4", { retryAfterSeconds: 4 }]);
      const { userId } = users[index] as (typeof users)[number];
      const state = await callApi(gateway, `/security/lockout-status?userId=${userId}`);
      expect(state.body.attemptsRemaining).toBe(5);
    }
    for (const [index, { status }] of answers.entries()) {
      if (status === 429) expect((await login(users[index] as (typeof users)[number])).status).toBe(200);
    }
  });
});
