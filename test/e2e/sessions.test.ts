import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi, tally } from "../support/api.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import {
  adminCall,
  claimsOf,
  createUser,
  demoApp,
  licensedApp,
  secondApp,
  sessionsOf,
  type TestUser,
} from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let gateways: TestGateway[];
beforeAll(async () => {
  redis = await startRedis();
  gateways = await Promise.all([startGateway({ redisUrl: redis.url }), startGateway({ redisUrl: redis.url })]);
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await redis?.stop();
});

const at = (index: number) => gateways[index % 2] as TestGateway;
async function tokensOf(
  { email, password }: TestUser,
  app = demoApp,
): Promise<{ accessToken: string; refreshToken: string }> {
  const { status, body } = await callApi(at(0), "/login", { body: { email, password }, app });
  expect(status).toBe(200);
  return body;
}
const refresh = (refreshToken: string, index = 0, app = demoApp) =>
  callApi(at(index), "/refresh", { body: { refreshToken }, app });
const logout = (refreshToken: string, app = demoApp) => callApi(at(0), "/logout", { body: { refreshToken }, app });

describe("refresh", () => {
  test("rotates the token and keeps user and session", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    const { status, body } = await refresh(tokens.refreshToken);
    expect(status).toBe(200);
    expect(body.refreshToken).not.toBe(tokens.refreshToken);
    expect(body.user).toMatchObject({ userId: user.userId, email: user.email });
    expect(claimsOf(body.accessToken)["sid"]).toBe(claimsOf(tokens.accessToken)["sid"]);
    expect((await refresh(body.refreshToken)).status).toBe(200);
  });

  // Threat: parallel refreshes of an honest client look like a stolen token and end its session (Keycloak CVE-2026-1035).
  test("20 times in parallel over two gateways gives one new token set, and the session lives on", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => refresh(tokens.refreshToken, index)));
    expect(tally(answers)).toEqual({ "200": 20 });
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect((await refresh(tokens.refreshToken, 1)).body).toEqual(answers[0]?.body);
    expect((await refresh(answers[0]?.body.refreshToken)).status).toBe(200);
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  // Threat: what one app has refreshed is replayed to another app that got hold of the old token.
  test("does not replay to another app", async () => {
    const tokens = await tokensOf(await createUser());
    expect((await refresh(tokens.refreshToken)).status).toBe(200);
    const other = await refresh(tokens.refreshToken, 0, secondApp);
    expect([other.status, other.body.code]).toEqual([401, "TOKEN_EXPIRED"]);
  });

  test("is refused after logout, after disabling, and for what is no refresh token", async () => {
    const [first, second] = [await createUser(), await createUser()];
    const ended = await tokensOf(first);
    await logout(ended.refreshToken);
    const disabled = await tokensOf(second);
    await adminCall("PUT", `/users/${second.userId}`, { enabled: false });
    // Keycloak does not read form parameters of more than 4,000 characters.
    for (const token of [ended.refreshToken, disabled.refreshToken, ended.accessToken, "garbage", "a".repeat(4_096)]) {
      const { status, body } = await refresh(token);
      expect([status, body.code]).toEqual([401, "TOKEN_EXPIRED"]);
    }
  });

  test("asks for the licence anew", async () => {
    const user = await createUser({ licenses: [licensedApp.id] });
    const tokens = await tokensOf(user, licensedApp);
    const record = await adminCall("GET", `/users/${user.userId}`);
    await adminCall("PUT", `/users/${user.userId}`, { ...record, attributes: {} });
    const { status, body } = await refresh(tokens.refreshToken, 0, licensedApp);
    expect([status, body.code]).toEqual([403, "APP_NOT_LICENSED"]);
    expect(await sessionsOf(user)).toEqual([]);
  });

  // Threat: whoever reads the store reads tokens.
  test("leaves no token in the store that could be read there", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    const { body } = await refresh(tokens.refreshToken);
    const dump = await redis.dump();
    expect(dump).not.toBe("");
    for (const secret of [tokens.refreshToken, body.refreshToken, body.accessToken, user.email, user.userId]) {
      expect(dump).not.toContain(secret);
    }
  });
});

describe("logout", () => {
  test("ends the session once", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    const first = await logout(tokens.refreshToken);
    expect([first.status, first.body]).toEqual([200, {}]);
    expect(await sessionsOf(user)).toEqual([]);
    const again = await logout(tokens.refreshToken);
    expect([again.status, again.body.code]).toEqual([401, "TOKEN_EXPIRED"]);
  });

  test("is refused for garbage and for another app's token, whose session lives on", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    for (const [token, app] of [
      ["garbage", demoApp],
      ["a".repeat(4_096), demoApp],
      [tokens.refreshToken, secondApp],
    ] as const) {
      const { status, body } = await logout(token, app);
      expect([status, body.code]).toEqual([401, "TOKEN_EXPIRED"]);
    }
    expect(await sessionsOf(user)).toHaveLength(1);
  });
});
