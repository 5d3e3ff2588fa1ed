import { afterAll, beforeEach, expect, test } from "vitest";
import { actionError, expectError, issue, lockedError, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("mfaVerify");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [
  { code: "MFA_INVALID_CODE" },
  { code: "MFA_CHALLENGE_EXPIRED" },
  lockedError,
  { code: "EMAIL_NOT_VERIFIED" },
  { code: "APP_NOT_LICENSED" },
  actionError,
]);

const verify = (change: Record<string, unknown>) => send(gateway, sample, { body: { ...sample.body, ...change } });

test("hands the service what was sent; blanks around a code are not part of it", async () => {
  await verify({ code: " 123 456\n", method: "backup_code" });
  expect(gateway.lastRequest()).toEqual({
    client: { app: expect.objectContaining({ id: client.id }), credentials: client },
    mfaToken: "mfa_abc",
    code: "123 456",
    method: "backup_code",
    endUser: { ipAddress: "127.0.0.1" },
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test.each(["sms", "TOTP", "", "__proto__"])("method '%s' is refused without an echo", async (method) => {
  const answer = await verify({ method });
  expectError(answer, "VALIDATION_ERROR", issue("method", 'must be "totp" or "backup_code"'));
});

test.each(["", " ", "1".repeat(65)])("the code's length is bounded: %#", async (code) => {
  expectError(await verify({ code }), "VALIDATION_ERROR", issue("code", "must be 1 to 64 characters long"));
});

test("the token's length is bounded", async () => {
  expect((await verify({ mfaToken: "m".repeat(4096) })).status).toBe(200);
  const tooLong = issue("mfaToken", "must be 1 to 4096 characters long");
  expectError(await verify({ mfaToken: "m".repeat(4097) }), "VALIDATION_ERROR", tooLong);
  expectError(await verify({ mfaToken: "" }), "VALIDATION_ERROR", tooLong);
});
