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
  totpCode,
} from "../support/keycloak.ts";
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

const login = ({ email, password }: TestUser, app = demoApp) =>
  callApi(gateway, "/login", { body: { email, password }, app });
const verify = (mfaToken: string, code: string, { method = "totp", app = demoApp } = {}) =>
  callApi(gateway, "/mfa/verify", { body: { mfaToken, code, method }, app });

test("a challenge opens no session; the code turns it into tokens of the app", async () => {
  const user = await createUser({ totp: true });
  const challenge = await login(user);
  expect(challenge.status).toBe(200);
  expect(challenge.body).toEqual({
    mfaRequired: true,
    mfaToken: expect.stringMatching(/^mfa_[A-Za-z0-9_-]{43}$/),
    expiresIn: 300,
    methods: ["totp"],
    user: { userId: user.userId, email: user.email, firstName: "Jane" },
  });
  expect(await sessionsOf(user)).toEqual([]);

  const { status, body } = await verify(challenge.body.mfaToken, totpCode(user.totpSecret));
  expect(status).toBe(200);
  expect(claimsOf(body.accessToken)).toMatchObject({ azp: demoApp.id, sub: user.userId });
  expect(body.user).toMatchObject({ userId: user.userId, email: user.email });
  expect(await sessionsOf(user)).toHaveLength(1);
  expect((await verify(challenge.body.mfaToken, totpCode(user.totpSecret, 1))).body.code).toBe("MFA_CHALLENGE_EXPIRED");
});

test("the licence is asked for at the second factor too", async () => {
  const user = await createUser({ totp: true, licenses: [licensedApp.id] });
  const challenge = await login(user, licensedApp);
  const record = await adminCall("GET", `/users/${user.userId}`);
  await adminCall("PUT", `/users/${user.userId}`, { ...record, attributes: {} });
  const { status, body } = await verify(challenge.body.mfaToken, totpCode(user.totpSecret), { app: licensedApp });
  expect([status, body.code]).toEqual([403, "APP_NOT_LICENSED"]);
  expect(await sessionsOf(user)).toEqual([]);
});

// Threat: a code that was seen is used again, in the same challenge or in another one, also at the same moment.
describe("one code has one winner", () => {
  test("in one challenge, in parallel", async () => {
    const user = await createUser({ totp: true });
    const { mfaToken } = (await login(user)).body;
    const code = totpCode(user.totpSecret);
    const answers = await Promise.all(Array.from({ length: 8 }, () => verify(mfaToken, code)));
    expect(tally(answers)["200"]).toBe(1);
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  test("in two challenges, in parallel and afterwards", async () => {
    const user = await createUser({ totp: true });
    const [first, second, third] = [await login(user), await login(user), await login(user)];
    const code = totpCode(user.totpSecret);
    const answers = await Promise.all([first, second].map(({ body }) => verify(body.mfaToken, code)));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 1 });
    expect((await verify(third.body.mfaToken, code)).body.code).toBe("MFA_INVALID_CODE");
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  test("two valid codes of neighbouring steps for one challenge give one session", async () => {
    const user = await createUser({ totp: true });
    const { mfaToken } = (await login(user)).body;
    const codes = [totpCode(user.totpSecret, 0), totpCode(user.totpSecret, 1)];
    const answers = await Promise.all(codes.map((code) => verify(mfaToken, code)));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_CHALLENGE_EXPIRED": 1 });
    expect(await sessionsOf(user)).toHaveLength(1);
  });
});

// Threat: a challenge that outlives what it was granted for, or that is used by somebody else.
describe("a challenge gives no tokens", () => {
  const expectNoTokens = async (user: TestUser, mfaToken: string, expected: string, app = demoApp) => {
    const { body } = await verify(mfaToken, totpCode(user.totpSecret), { app });
    expect(body.code).toBe(expected);
    expect(await sessionsOf(user)).toEqual([]);
  };

  test("to another app client", async () => {
    const user = await createUser({ totp: true });
    const { mfaToken } = (await login(user)).body;
    await expectNoTokens(user, mfaToken, "MFA_CHALLENGE_EXPIRED", secondApp);
  });

  test("for another user's code", async () => {
    const [user, other] = [await createUser({ totp: true }), await createUser({ totp: true })];
    const { mfaToken } = (await login(user)).body;
    expect((await verify(mfaToken, totpCode(other.totpSecret))).body.code).toBe("MFA_INVALID_CODE");
    expect(await sessionsOf(user)).toEqual([]);
  });

  test("after the account was locked, even when it was unlocked since", async () => {
    const user = await createUser({ totp: true });
    const { mfaToken } = (await login(user)).body;
    for (let attempt = 0; attempt < 5; attempt++) await login({ ...user, password: "wrong" });
    await expectNoTokens(user, mfaToken, "ACCOUNT_LOCKED");
    await callApi(gateway, "/security/unlock", { body: { userId: user.userId } });
    await expectNoTokens(user, mfaToken, "MFA_CHALLENGE_EXPIRED");
  });

  test("after the account was disabled", async () => {
    const user = await createUser({ totp: true });
    const { mfaToken } = (await login(user)).body;
    await adminCall("PUT", `/users/${user.userId}`, { enabled: false });
    const { status, body } = await verify(mfaToken, totpCode(user.totpSecret));
    expect(status).toBe(401);
    expect(["MFA_CHALLENGE_EXPIRED", "MFA_INVALID_CODE"]).toContain(body.code);
    expect(await sessionsOf(user)).toEqual([]);
  });

  test("to an unknown token", async () => {
    const { status, body } = await verify(`mfa_${"A".repeat(43)}`, "123456");
    expect([status, body.code]).toEqual([401, "MFA_CHALLENGE_EXPIRED"]);
  });
});

test("logins left at their second factor do not make Keycloak lock the user", async () => {
  const user = await createUser({ totp: true });
  for (let attempt = 0; attempt < 11; attempt++) expect((await login(user)).status).toBe(200);
  const { numFailures } = await adminCall("GET", `/attack-detection/brute-force/users/${user.userId}`);
  expect(numFailures).toBeLessThan(10);
});
