import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, callApi, tally } from "../support/api.ts";
import { callAs, createEnrolledUser, createEnrollingUser } from "../support/enrolment.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { adminCall, sessionsOf, type TestUser, totpCode } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

// Threat: a secret that is good for one use is used at the same moment through several instances, each of which finds it
// unused. TOTP codes and challenges are raced in mfa.test.ts, refresh tokens in sessions.test.ts.

let redis: TestRedis;
let gateways: TestGateway[];
beforeAll(async () => {
  redis = await startRedis();
  const start = () => startGateway({ redisUrl: redis.url });
  gateways = await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await redis?.stop();
});

const at = (index: number) => gateways[index % 2] as TestGateway;
/** Makes calls at the same moment, by turns at the two gateways. */
const race = (count: number, call: (gateway: TestGateway, index: number) => Promise<ApiAnswer>) =>
  Promise.all(Array.from({ length: count }, (_, index) => call(at(index), index)));

const login = ({ email, password }: Pick<TestUser, "email" | "password">) =>
  callApi(at(0), "/login", { body: { email, password } });
async function challengeOf(user: TestUser): Promise<string> {
  const { body } = await login(user);
  expect(body.mfaRequired).toBe(true);
  return body.mfaToken;
}
async function challengesOf(user: TestUser, count: number): Promise<readonly string[]> {
  const challenges: string[] = [];
  while (challenges.length < count) challenges.push(await challengeOf(user));
  return challenges;
}
const verify = (gateway: TestGateway, mfaToken: string, code: string, method = "backup_code") =>
  callApi(gateway, "/mfa/verify", { body: { mfaToken, code, method } });
const remainingCodes = async (accessToken: string) =>
  (await callAs(accessToken, at(0), "/mfa/backup-codes")).body.remaining;

// Threat: a backup code that somebody has read is spent beside its owner's login, or two logins write the rest of the codes
// over each other, so that a spent one is good again.
describe("a backup code has one winner", () => {
  test("in one challenge", async () => {
    const user = await createEnrolledUser(at(0));
    const [code = ""] = user.backupCodes;
    const mfaToken = await challengeOf(user);
    const answers = await race(6, (gateway) => verify(gateway, mfaToken, code));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_CHALLENGE_EXPIRED": 5 });
    expect(await remainingCodes(user.accessToken)).toBe(9);
    expect(await sessionsOf(user)).toHaveLength(2);
  });

  test("in challenges of its own", async () => {
    const user = await createEnrolledUser(at(0));
    const [code = ""] = user.backupCodes;
    const challenges: string[] = [];
    for (let count = 0; count < 4; count++) challenges.push(await challengeOf(user));
    const answers = await race(4, (gateway, index) => verify(gateway, challenges[index] ?? "", code));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 3 });
    expect(await remainingCodes(user.accessToken)).toBe(9);
    expect(await sessionsOf(user)).toHaveLength(2);
  });

  test("and different ones in different challenges are all spent", async () => {
    const user = await createEnrolledUser(at(0));
    const codes = user.backupCodes.slice(0, 4);
    const challenges: string[] = [];
    for (let count = 0; count < 4; count++) challenges.push(await challengeOf(user));
    const answers = await race(4, (gateway, index) => verify(gateway, challenges[index] ?? "", codes[index] ?? ""));
    expect(tally(answers)).toEqual({ "200": 4 });
    expect(await remainingCodes(user.accessToken)).toBe(6);
    const mfaToken = await challengeOf(user);
    for (const code of codes) expect((await verify(at(0), mfaToken, code)).body.code).toBe("MFA_INVALID_CODE");
  });
});

// Threat: a login with an old backup code, beside the making of new ones, writes the old ones back, and the ones that the
// user wanted void open the account.
describe("making new backup codes", () => {
  test("beside logins with old ones leaves the new set and nothing else", async () => {
    const user = await createEnrolledUser(at(0));
    const [first = "", second = "", unused = ""] = user.backupCodes;
    const challenges = await challengesOf(user, 2);
    const [renewal, ...logins] = await Promise.all([
      callAs(user.accessToken, at(0), "/mfa/backup-codes", { code: totpCode(user.totpSecret, 1) }),
      verify(at(1), challenges[0] ?? "", first),
      verify(at(0), challenges[1] ?? "", second),
    ]);
    expect(renewal.status).toBe(200);
    for (const { status, body } of logins) expect([200, "MFA_INVALID_CODE"]).toContain(body.code ?? status);
    expect(await remainingCodes(user.accessToken)).toBe(10);
    const mfaToken = await challengeOf(user);
    for (const code of [first, second, unused]) {
      expect((await verify(at(1), mfaToken, code)).body.code).toBe("MFA_INVALID_CODE");
    }
    expect((await verify(at(1), mfaToken, renewal.body.backupCodes[0])).status).toBe(200);
  });

  test("with one TOTP code twice has one winner, whose codes are good", async () => {
    const user = await createEnrolledUser(at(0));
    const code = totpCode(user.totpSecret, 1);
    const answers = await race(3, (gateway) => callAs(user.accessToken, gateway, "/mfa/backup-codes", { code }));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 2 });
    const winner = answers.find(({ status }) => status === 200);
    expect(await remainingCodes(user.accessToken)).toBe(10);
    expect((await verify(at(1), await challengeOf(user), winner?.body.backupCodes[9])).status).toBe(200);
  });
});

// Threat: a TOTP code read over the user's shoulder logs somebody in while the user proves another change with it.
test("one TOTP code for a login and for a change of the second factor has one winner", async () => {
  const user = await createEnrolledUser(at(0));
  const code = totpCode(user.totpSecret, 1);
  const mfaToken = await challengeOf(user);
  const answers = await Promise.all([
    callAs(user.accessToken, at(0), "/mfa/backup-codes", { code }),
    verify(at(1), mfaToken, code, "totp"),
  ]);
  expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 1 });
});

// Threat: a factor that is turned off twice, or a backup code that turns it off and logs in.
test("one backup code for a login and for turning the factor off has one winner", async () => {
  const user = await createEnrolledUser(at(0));
  const [code = ""] = user.backupCodes;
  const mfaToken = await challengeOf(user);
  const [disabled, verified] = await Promise.all([
    callAs(user.accessToken, at(0), "/mfa/disable", { code, method: "backup_code" }),
    verify(at(1), mfaToken, code),
  ]);
  expect([disabled, verified].filter(({ status }) => status === 200)).toHaveLength(1);
  const { body } = await callAs(user.accessToken, at(0), "/mfa/status");
  expect(body).toMatchObject(
    disabled.status === 200 ? { enabled: false, methods: [] } : { enabled: true, backupCodesRemaining: 9 },
  );
});

// Threat: an intruder with a stolen access token confirms beside the user: each holds a set of backup codes, or there are
// two authenticators.
describe("an enrolment has one winner", () => {
  async function expectOneFactor(user: TestUser & { accessToken: string }, answers: readonly ApiAnswer[]) {
    expect(tally(answers)).toEqual({ "200": 1, "409 MFA_ALREADY_ENROLLED": answers.length - 1 });
    const credentials: { type: string }[] = await adminCall("GET", `/users/${user.userId}/credentials`);
    expect(credentials.filter(({ type }) => type === "otp")).toHaveLength(1);
    const winner = answers.find(({ status }) => status === 200);
    expect(await remainingCodes(user.accessToken)).toBe(10);
    expect((await verify(at(1), await challengeOf(user), winner?.body.backupCodes[0])).status).toBe(200);
  }

  test("with one code", async () => {
    const user = await createEnrollingUser(at(0));
    const code = totpCode(user.totpSecret);
    const answers = await race(4, (gateway) => callAs(user.accessToken, gateway, "/mfa/enroll/confirm", { code }));
    await expectOneFactor(user, answers);
  });

  test("with codes of neighbouring steps", async () => {
    const user = await createEnrollingUser(at(0));
    const codes = [totpCode(user.totpSecret), totpCode(user.totpSecret, 1)];
    const answers = await race(2, (gateway, index) =>
      callAs(user.accessToken, gateway, "/mfa/enroll/confirm", { code: codes[index] }),
    );
    await expectOneFactor(user, answers);
  });

  test("beside wrong codes, of which five end it", async () => {
    const user = await createEnrollingUser(at(0));
    const near = [-2, -1, 0, 1, 2].map((steps) => totpCode(user.totpSecret, steps));
    const wrong = Array.from({ length: 20 }, (_, index) => `1000${index + 10}`).filter((code) => !near.includes(code));
    const answers = await race(12, (gateway, index) =>
      callAs(user.accessToken, gateway, "/mfa/enroll/confirm", { code: wrong[index] }),
    );
    expect(tally(answers)).toEqual({ "401 MFA_INVALID_CODE": 5, "400 MFA_NOT_ENROLLED": 7 });
    const late = await callAs(user.accessToken, at(0), "/mfa/enroll/confirm", { code: totpCode(user.totpSecret) });
    expect(late.body.code).toBe("MFA_NOT_ENROLLED");
  });
});
