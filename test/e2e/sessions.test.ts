import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi } from "../support/api.ts";
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
  totpCode,
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

  test("asks for the licence anew", async () => {
    const user = await createUser({ licenses: [licensedApp.id] });
    const tokens = await tokensOf(user, licensedApp);
    const record = await adminCall("GET", `/users/${user.userId}`);
    await adminCall("PUT", `/users/${user.userId}`, { ...record, attributes: {} });
    const { status, body } = await refresh(tokens.refreshToken, 0, licensedApp);
    expect([status, body.code]).toEqual([403, "APP_NOT_LICENSED"]);
    expect(await sessionsOf(user)).toEqual([]);
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
});

test("the session list tells apps by name and never the gateway's own clients", async () => {
  const user = await createUser({ totp: true });
  const { body } = await callApi(at(0), "/login", {
    body: { email: user.email, password: user.password },
    app: secondApp,
  });
  const { mfaToken } = body;
  const verified = await callApi(at(0), "/mfa/verify", {
    app: secondApp,
    body: { mfaToken, code: totpCode(user.totpSecret), method: "totp" },
    headers: { "x-end-user-ip": "2001:db8::7", "x-end-user-agent": "Browser/2" },
  });
  expect(verified.status).toBe(200);
  const { body: list } = await callApi(at(0), `/sessions?userId=${user.userId}`);
  expect(list.sessions).toEqual([
    {
      id: claimsOf(verified.body.accessToken)["sid"],
      application: "Second demo app",
      ipAddress: expect.stringMatching(/^2001:0?db8:/),
      userAgent: "Browser/2",
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
      lastActiveAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
    },
  ]);
});
