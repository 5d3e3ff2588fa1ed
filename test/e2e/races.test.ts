import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiAnswer, callApi, tally } from "../support/api.ts";
import { callAs } from "../support/enrolment.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, sessionsOf, type TestUser } from "../support/keycloak.ts";
import { linkIn, type Mailbox, startMailbox } from "../support/mailbox.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

// Threat: a secret that is good for one use is used at the same moment through several instances, each of which finds it
// unused. Codes and enrolments are raced in test/attack/c-second-factor.test.ts, refresh tokens in
// test/attack/d-tokens-and-sessions.test.ts.

let redis: TestRedis;
let mailbox: Mailbox;
let gateways: TestGateway[];
beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  const start = () => startGateway({ redisUrl: redis.url, env: { HEADGATE_SMTP_URL: mailbox.smtpUrl } });
  gateways = await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await mailbox?.stop();
  await redis?.stop();
});

const at = (index: number) => gateways[index % 2] as TestGateway;
/** Makes calls at the same moment, by turns at the two gateways. */
const race = (count: number, call: (gateway: TestGateway, index: number) => Promise<ApiAnswer>) =>
  Promise.all(Array.from({ length: count }, (_, index) => call(at(index), index)));

const login = ({ email, password }: Pick<TestUser, "email" | "password">) =>
  callApi(at(0), "/login", { body: { email, password } });

/** Asks for a mail with a link and reads its token. */
async function mailedToken({ email }: TestUser, path: "/email/verify-send" | "/password/reset-send"): Promise<string> {
  expect((await callApi(at(0), path, { body: { email } })).status).toBe(200);
  return linkIn(await mailbox.waitFor(email, /\?token=/)).token;
}

// Threat: a link that was forwarded or scanned is redeemed at the same moment by somebody else.
test("a verification token has one winner", async () => {
  const user = await createUser({ emailVerified: false });
  const token = await mailedToken(user, "/email/verify-send");
  const answers = await race(10, (gateway) => callApi(gateway, "/email/verify-confirm", { body: { token } }));
  expect(tally(answers)).toEqual({ "200": 1, "401 INVALID_TOKEN": 9 });
  expect((await login(user)).status).toBe(200);
});

// Threat: an intruder redeems the link beside its owner, who is told of success while the intruder's password holds.
test("a reset token with different passwords has one winner, and only its password logs in", async () => {
  const user = await createUser();
  const token = await mailedToken(user, "/password/reset-send");
  const passwords = Array.from({ length: 4 }, () => `new password ${randomUUID()}`);
  const answers = await race(4, (gateway, index) =>
    callApi(gateway, "/password/reset-confirm", { body: { token, newPassword: passwords[index] } }),
  );
  expect(tally(answers)).toEqual({ "200": 1, "401 INVALID_TOKEN": 3 });
  const winner = answers.findIndex(({ status }) => status === 200);
  for (const [index, password] of [...passwords, user.password].entries()) {
    const { status } = await login({ email: user.email, password });
    expect([password, status]).toEqual([password, index === winner ? 200 : 401]);
  }
});

// Threat: logins with the old password slip through beside the reset, and the intruder's session outlives it.
test("a reset beside logins with the old password leaves no session of theirs", async () => {
  const user = await createUser();
  const token = await mailedToken(user, "/password/reset-send");
  const newPassword = `new password ${randomUUID()}`;
  const [reset, ...logins] = await race(5, (gateway, index) =>
    index === 0
      ? callApi(gateway, "/password/reset-confirm", { body: { token, newPassword } })
      : callApi(gateway, "/login", { body: { email: user.email, password: user.password } }),
  );
  expect(reset?.status).toBe(200);
  expect(await sessionsOf(user)).toEqual([]);
  for (const { status, body } of logins) {
    if (status !== 200) continue;
    const { body: refused } = await callAs(body.accessToken, at(0), "/mfa/status");
    expect(refused.code).toBe("INVALID_TOKEN");
  }
});

// Threat: two accounts with one address, or a second signup that sets the password of the first.
test("an address has one winner at signup, whose password logs in", async () => {
  const email = `user-${randomUUID()}@example.com`;
  const passwords = Array.from({ length: 4 }, () => `password ${randomUUID()}`);
  const answers = await race(4, (gateway, index) => {
    const typed = index % 2 === 0 ? email : email.toUpperCase();
    const body = { email: typed, password: passwords[index], firstName: "Jane", lastName: "Doe" };
    return callApi(gateway, "/signup", { body });
  });
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  for (const { status, body } of answers) if (status === 409) expect(body.code).toBe("CONFLICT");
  const { token } = linkIn(await mailbox.waitFor(email, /\?token=/));
  expect((await callApi(at(0), "/email/verify-confirm", { body: { token } })).status).toBe(200);
  const winner = answers.findIndex(({ status }) => status === 201);
  for (const [index, password] of passwords.entries()) {
    expect((await login({ email, password })).status).toBe(index === winner ? 200 : 401);
  }
});
