import { afterAll, beforeAll, expect, test } from "vitest";
import { callApi, tally } from "../support/api.ts";
import { accessTokenOf, callAs } from "../support/enrolment.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import {
  adminCall,
  claimsOf,
  createUser,
  demoApp,
  licensedApp,
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

test("logins left at their second factor do not make Keycloak lock the user", async () => {
  const user = await createUser({ totp: true });
  for (let attempt = 0; attempt < 11; attempt++) expect((await login(user)).status).toBe(200);
  const { numFailures } = await adminCall("GET", `/attack-detection/brute-force/users/${user.userId}`);
  expect(numFailures).toBeLessThan(10);
});

test("a second factor that is not there cannot be confirmed, turned off or given backup codes", async () => {
  const accessToken = await accessTokenOf(gateway, await createUser());
  const code = "123456";
  const answers = [
    await callAs(accessToken, gateway, "/mfa/enroll/confirm", { code }),
    await callAs(accessToken, gateway, "/mfa/disable", { code }),
    await callAs(accessToken, gateway, "/mfa/backup-codes"),
    await callAs(accessToken, gateway, "/mfa/backup-codes", { code }),
  ];
  expect(tally(answers)).toEqual({ "400 MFA_NOT_ENROLLED": answers.length });
});
