import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HeadlessAuthClient } from "../../src/sdk/index.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { claimsOf, createUser, demoApp, totpCode } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { createSdkConsumer, formats, importNames, type SdkConsumer } from "../support/sdk-consumer.ts";

let redis: TestRedis;
let gateway: TestGateway;
let consumer: SdkConsumer;
beforeAll(async () => {
  redis = await startRedis();
  [gateway, consumer] = await Promise.all([startGateway({ redisUrl: redis.url }), createSdkConsumer()]);
});
afterAll(async () => {
  await consumer?.remove();
  await gateway?.stop();
  await redis?.stop();
});

describe.each(importNames)("the packed SDK as %s", (importName) => {
  test.each(formats)("runs the documented samples against a gateway (%s)", async (format) => {
    const [plain, withOtp] = [await createUser(), await createUser({ totp: true })];
    const run = { importName, format, baseUrl: gateway.url, clientId: demoApp.id, clientSecret: demoApp.secret };
    expect(await consumer.runLogin({ ...run, email: plain.email, password: plain.password })).toMatchObject({
      kind: "tokens",
      email: plain.email,
    });
    expect(await consumer.runLogin({ ...run, email: withOtp.email, password: withOtp.password })).toMatchObject({
      kind: "challenge",
    });
    expect(await consumer.runError({ ...run, email: plain.email, password: "wrong" })).toEqual({
      kind: "handled",
      code: "INVALID_CREDENTIALS",
    });
    expect(
      await consumer.runError({ ...run, clientSecret: "ccas_wrong", email: plain.email, password: "x" }),
    ).toMatchObject({
      kind: "reported",
      status: 401,
      code: "INVALID_CLIENT",
    });
  });
});

test("every method of the SDK does its work against a gateway", async () => {
  const client = new HeadlessAuthClient({
    baseUrl: gateway.url,
    clientId: demoApp.id,
    clientSecret: demoApp.secret,
  });
  const user = await createUser({ totp: true });
  const result = await client.auth.login({ email: user.email, password: user.password });
  if (!("mfaRequired" in result)) throw new Error("a user with a second factor got tokens at once");
  const tokens = await client.mfa.verify({
    mfaToken: result.mfaToken,
    code: totpCode(user.totpSecret),
    method: "totp",
  });
  expect(claimsOf(tokens.accessToken)).toMatchObject({ sub: user.userId, azp: demoApp.id });
  const refreshed = await client.auth.refresh({ refreshToken: tokens.refreshToken });
  expect(refreshed.user.userId).toBe(user.userId);
  await client.auth.logout({ refreshToken: refreshed.refreshToken });
  await expect(client.auth.refresh({ refreshToken: refreshed.refreshToken })).rejects.toMatchObject({
    status: 401,
    code: "TOKEN_EXPIRED",
  });
  for (let attempt = 0; attempt < 5; attempt++) {
    await client.auth.login({ email: user.email, password: "wrong" }).catch(() => undefined);
  }
  expect(await client.security.lockoutStatus({ userId: user.userId })).toMatchObject({ locked: true });
  expect(await client.security.unlock({ userId: user.userId })).toMatchObject({ locked: false, attemptsRemaining: 5 });
});
