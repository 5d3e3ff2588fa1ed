import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { generateSync } from "otplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HeadlessAuthClient, type LoginResult, type TokenSet } from "../../src/sdk/index.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { claimsOf, demoApp } from "../support/keycloak.ts";
import { linkIn, type Mailbox, startMailbox } from "../support/mailbox.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let mailbox: Mailbox;
let gateway: TestGateway;
beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_SMTP_URL: mailbox.smtpUrl } });
});
afterAll(async () => {
  await gateway?.stop();
  await mailbox?.stop();
  await redis?.stop();
});

const stepMs = 30_000;

/** Codes by their distance from a step that has just begun, so that three of them are good for half a minute. */
async function codesOf(secret: string): Promise<(steps: number) => string> {
  const intoStep = Date.now() % stepMs;
  if (intoStep > stepMs / 2) await sleep(stepMs - intoStep);
  const epoch = Math.floor(Date.now() / 1000);
  return (steps) => generateSync({ secret, epoch: epoch + steps * 30 });
}

function challengeOf(result: LoginResult): string {
  if (!("mfaRequired" in result)) throw new Error("There was no challenge");
  return result.mfaToken;
}
function tokensOf(result: LoginResult): TokenSet {
  if ("mfaRequired" in result) throw new Error("There was a challenge");
  return result;
}

test("a user's whole life goes through the SDK, the mails and the real servers", async () => {
  const client = new HeadlessAuthClient({ baseUrl: gateway.url, clientId: demoApp.id, clientSecret: demoApp.secret });
  const email = `journey-${randomUUID()}@example.com`;
  const password = "a first long password";
  const refused = (code: string) => expect.objectContaining({ code });

  // Signup and verification.
  const policy = await client.security.passwordPolicy();
  await expect(
    client.auth.signup({ email, password: "x".repeat(policy.minLength - 1), firstName: "Jane", lastName: "Doe" }),
  ).rejects.toMatchObject({ code: "VALIDATION_ERROR", details: [expect.objectContaining({ path: "password" })] });
  const { user, emailVerificationRequired } = await client.auth.signup({
    email,
    password,
    firstName: "Jane",
    lastName: "Doe",
  });
  expect([user.email, emailVerificationRequired]).toEqual([email, true]);
  await expect(client.auth.signup({ email, password, firstName: "J", lastName: "D" })).rejects.toEqual(
    refused("CONFLICT"),
  );
  await expect(client.auth.login({ email, password })).rejects.toEqual(refused("EMAIL_NOT_VERIFIED"));
  const verification = linkIn(await mailbox.waitFor(email, /token=/));
  expect(verification.page).toBe("http://localhost:3000/verify-email");
  expect(await client.email.confirmVerification({ token: verification.token })).toEqual({
    userId: user.userId,
    email,
    verified: true,
  });

  // Login and enrolment.
  const first = tokensOf(
    await client.auth.login({ email, password }, { endUser: { ipAddress: "203.0.113.9", userAgent: "Browser/1" } }),
  );
  const bearer = { accessToken: first.accessToken };
  expect(await client.mfa.status(bearer)).toEqual({ enabled: false, methods: [], backupCodesRemaining: 0 });
  const enrolment = await client.mfa.enroll(bearer);
  expect(enrolment.otpauthUri).toContain("otpauth://totp/");
  expect(enrolment.qrCode).toMatch(/^data:image\/png;base64,/);
  const code = await codesOf(enrolment.secret);
  const { backupCodes } = await client.mfa.confirmEnrollment({ ...bearer, code: code(-1) });
  expect(new Set(backupCodes).size).toBe(10);
  await mailbox.waitFor(email, /was turned on/i);
  expect(await client.mfa.status(bearer)).toMatchObject({ enabled: true, backupCodesRemaining: 10 });
  await expect(client.mfa.enroll(bearer)).rejects.toEqual(refused("MFA_ALREADY_ENROLLED"));

  // Challenge and codes: the enrolment's code is used up, a backup code works once and in any spelling.
  const login = async () => challengeOf(await client.auth.login({ email, password }));
  await expect(client.mfa.verify({ mfaToken: await login(), code: code(-1), method: "totp" })).rejects.toEqual(
    refused("MFA_INVALID_CODE"),
  );
  const second = await client.mfa.verify({ mfaToken: await login(), code: code(0), method: "totp" });
  expect(claimsOf(second.accessToken)).toMatchObject({ sub: user.userId, azp: demoApp.id });
  const [spent = ""] = backupCodes;
  const spelled = spent.replaceAll("-", "").toLowerCase();
  const third = await client.mfa.verify({ mfaToken: await login(), code: spelled, method: "backup_code" });
  expect(claimsOf(third.accessToken)["sub"]).toBe(user.userId);
  await expect(client.mfa.verify({ mfaToken: await login(), code: spent, method: "backup_code" })).rejects.toEqual(
    refused("MFA_INVALID_CODE"),
  );
  expect(await client.mfa.backupCodes.count(bearer)).toEqual({ remaining: 9, total: 10 });
  const { backupCodes: renewed } = await client.mfa.backupCodes.regenerate({ ...bearer, code: code(1) });
  expect(renewed.filter((each) => backupCodes.includes(each))).toEqual([]);
  await expect(
    client.mfa.verify({ mfaToken: await login(), code: backupCodes[1] ?? "", method: "backup_code" }),
  ).rejects.toEqual(refused("MFA_INVALID_CODE"));

  // Sessions.
  const refreshed = await client.auth.refresh({ refreshToken: first.refreshToken });
  expect(refreshed.refreshToken).not.toBe(first.refreshToken);
  const { sessions } = await client.sessions.list({ userId: user.userId });
  expect(sessions).toHaveLength(3);
  expect(sessions.find(({ ipAddress }) => ipAddress === "203.0.113.9")).toMatchObject({
    application: "Demo app",
    userAgent: "Browser/1",
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
  });
  const doomed = String(claimsOf(third.accessToken)["sid"]);
  await client.sessions.revoke({ userId: user.userId, sessionId: doomed });
  await expect(client.sessions.revoke({ userId: user.userId, sessionId: doomed })).rejects.toEqual(refused("CONFLICT"));
  await expect(client.mfa.status({ accessToken: third.accessToken })).rejects.toEqual(refused("INVALID_TOKEN"));

  // Password reset: the token survives a refused password, sessions end, the second factor stays.
  await client.password.resetSend({ email });
  const reset = linkIn(await mailbox.waitFor(email, /reset-password\?token=/));
  await expect(client.password.resetConfirm({ token: reset.token, newPassword: "short" })).rejects.toMatchObject({
    code: "VALIDATION_ERROR",
    details: [expect.objectContaining({ path: "newPassword" })],
  });
  const newPassword = "a second long password";
  const before = await login();
  await client.password.resetConfirm({ token: reset.token, newPassword });
  await expect(client.password.resetConfirm({ token: reset.token, newPassword })).rejects.toEqual(
    refused("INVALID_TOKEN"),
  );
  await mailbox.waitFor(email, /password of your account .* was changed/i);
  expect((await client.sessions.list({ userId: user.userId })).sessions).toEqual([]);
  await expect(client.mfa.verify({ mfaToken: before, code: renewed[0] ?? "", method: "backup_code" })).rejects.toEqual(
    refused("MFA_CHALLENGE_EXPIRED"),
  );
  await expect(client.auth.login({ email, password })).rejects.toEqual(refused("INVALID_CREDENTIALS"));
  const challenge = challengeOf(await client.auth.login({ email, password: newPassword }));
  const last = await client.mfa.verify({ mfaToken: challenge, code: renewed[0] ?? "", method: "backup_code" });

  // Disable, lock, unlock, end.
  expect(
    await client.mfa.disable({ accessToken: last.accessToken, code: renewed[1] ?? "", method: "backup_code" }),
  ).toEqual({ enabled: false });
  await expect(client.mfa.backupCodes.count({ accessToken: last.accessToken })).rejects.toEqual(
    refused("MFA_NOT_ENROLLED"),
  );
  tokensOf(await client.auth.login({ email, password: newPassword }));
  for (let attempt = 0; attempt < 5; attempt++) {
    await expect(client.auth.login({ email, password: "wrong" })).rejects.toEqual(refused("INVALID_CREDENTIALS"));
  }
  await expect(client.auth.login({ email, password: newPassword })).rejects.toEqual(refused("ACCOUNT_LOCKED"));
  await mailbox.waitFor(email, /was locked/i);
  expect(await client.security.lockoutStatus({ userId: user.userId })).toMatchObject({ locked: true });
  expect(await client.security.unlock({ userId: user.userId })).toMatchObject({ locked: false, attemptsRemaining: 5 });
  const final = tokensOf(await client.auth.login({ email, password: newPassword }));
  expect(await client.sessions.revokeAll({ userId: user.userId })).toEqual({ revoked: 3 });
  await expect(client.auth.refresh({ refreshToken: final.refreshToken })).rejects.toEqual(refused("TOKEN_EXPIRED"));
  await expect(client.auth.logout({ refreshToken: final.refreshToken })).rejects.toEqual(refused("TOKEN_EXPIRED"));
});
