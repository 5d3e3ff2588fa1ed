import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, callApi } from "../support/api.ts";
import { startCountingProxy } from "../support/counting-proxy.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, issuer, keycloakUrl, sessionsOf, totpCode } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

// Threat: a part that is gone makes the gateway hang, let somebody in, or stay broken after the part is back.

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis?.stop();
});

const readyz = async ({ url }: TestGateway) => {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

function expectFault({ status, body, headers }: ApiAnswer): void {
  expect([status, body.code]).toEqual([500, "INTERNAL_ERROR"]);
  expect(headers.get("retry-after")).toMatch(/^\d+$/);
  expect(body.requestId).not.toBe("");
  expect(Object.keys(body).sort()).toEqual(["code", "message", "requestId"]);
}

/** Asks again until the answer is a success; the test's own time-out bounds it. */
async function untilOk(call: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
  for (;;) {
    const answer = await call();
    if (answer.status === 200) return answer;
    expectFault(answer);
    await sleep(200);
  }
}

describe("Keycloak gone", () => {
  test("answers INTERNAL_ERROR, says which part in /readyz, counts no attempt, and works again by itself", async () => {
    let proxy = await startCountingProxy(keycloakUrl);
    const port = Number(new URL(proxy.url).port);
    const gateway = await startGateway({
      redisUrl: redis.url,
      env: { HEADGATE_KEYCLOAK_URL: proxy.url, HEADGATE_KEYCLOAK_ISSUER: issuer },
    });
    const user = await createUser();
    const login = () => callApi(gateway, "/login", { body: { email: user.email, password: user.password } });
    expect((await login()).status).toBe(200);

    await proxy.close();
    for (let attempt = 0; attempt < 8; attempt++) expectFault(await login());
    await sleep(1_100);
    expect(await readyz(gateway)).toMatchObject({
      status: 503,
      body: { status: "unavailable", parts: { keycloak: { status: "down" }, store: { status: "up" } } },
    });
    expect((await fetch(`${gateway.url}/livez`)).status).toBe(200);

    proxy = await startCountingProxy(keycloakUrl, port);
    expect((await untilOk(login)).body.user.userId).toBe(user.userId);
    const { body } = await callApi(gateway, `/security/lockout-status?userId=${user.userId}`);
    expect(body.attemptsRemaining).toBe(5);
    await gateway.stop();
    await proxy.close();
  });

  test("at the start: the gateway runs, is not ready, and gets ready", async () => {
    const placeholder = await startCountingProxy(keycloakUrl);
    const port = Number(new URL(placeholder.url).port);
    await placeholder.close();
    const gateway = await startGateway({
      redisUrl: redis.url,
      env: { HEADGATE_KEYCLOAK_URL: placeholder.url, HEADGATE_KEYCLOAK_ISSUER: issuer },
      waitForReady: false,
    });
    expect((await readyz(gateway)).status).toBe(503);
    const proxy = await startCountingProxy(keycloakUrl, port);
    const user = await createUser();
    await untilOk(() => callApi(gateway, "/login", { body: { email: user.email, password: user.password } }));
    await gateway.stop();
    await proxy.close();
  });
});

test("Redis gone: no login, nothing reaches Keycloak, and it works again by itself", async () => {
  const own = await startRedis();
  const proxy = await startCountingProxy(keycloakUrl);
  const gateway = await startGateway({
    redisUrl: own.url,
    env: { HEADGATE_KEYCLOAK_URL: proxy.url, HEADGATE_KEYCLOAK_ISSUER: issuer },
  });
  const user = await createUser({ totp: true });
  const login = () => callApi(gateway, "/login", { body: { email: user.email, password: user.password } });
  const challenge = await login();
  expect(challenge.status).toBe(200);

  await own.stop();
  proxy.reset();
  expectFault(await login());
  const verify = () =>
    callApi(gateway, "/mfa/verify", {
      body: { mfaToken: challenge.body.mfaToken, code: totpCode(user.totpSecret), method: "totp" },
    });
  expectFault(await verify());
  expectFault(await callApi(gateway, "/refresh", { body: { refreshToken: "any" } }));
  expect(proxy.calls.filter(({ method }) => method === "POST")).toEqual([]);
  expect(await sessionsOf(user)).toEqual([]);
  await sleep(1_100);
  expect(await readyz(gateway)).toMatchObject({ status: 503, body: { parts: { store: { status: "down" } } } });

  const again = await startRedis({ port: own.port });
  expect((await untilOk(login)).body.mfaRequired).toBe(true);
  await gateway.stop();
  await proxy.close();
  await again.stop();
});

test("SIGTERM lets a login in flight finish and then ends the process", async () => {
  const gateway = await startGateway({ redisUrl: redis.url });
  const user = await createUser();
  const answers = Array.from({ length: 6 }, () =>
    callApi(gateway, "/login", { body: { email: user.email, password: user.password } }),
  );
  await answers[0];
  const code = await gateway.stop("SIGTERM");
  expect(code).toBe(0);
  const settled = await Promise.allSettled(answers);
  expect(settled.map((each) => (each.status === "fulfilled" ? each.value.status : "cut off"))).toEqual(
    Array(6).fill(200),
  );
});

test("a caller who hangs up while waiting gives the account's gate free", async () => {
  const gateway = await startGateway({ redisUrl: redis.url });
  const user = await createUser();
  const body = { email: user.email, password: user.password };
  const impatient = Array.from({ length: 10 }, () =>
    callApi(gateway, "/login", { body, signal: AbortSignal.timeout(60) }).catch(() => undefined),
  );
  await Promise.all(impatient);
  expect((await callApi(gateway, "/login", { body })).status).toBe(200);
  await gateway.stop();
});
