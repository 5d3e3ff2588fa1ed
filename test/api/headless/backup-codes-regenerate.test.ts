import { afterAll, beforeEach, expect, test } from "vitest";
import { actionError, expectError, issue, lockedError, testEveryOperation } from "../common-suite.ts";
import { sampleOf, send, startGateway, userId } from "../harness.ts";

const sample = sampleOf("backupCodesRegenerate");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [
  { code: "INVALID_TOKEN" },
  { code: "MFA_INVALID_CODE" },
  { code: "MFA_NOT_ENROLLED" },
  lockedError,
  { code: "EMAIL_NOT_VERIFIED" },
  actionError,
]);

test("hands the service the token's user and the code; a method in the body is nothing", async () => {
  await send(gateway, sample, { body: { code: "123456", method: "backup_code" } });
  expect(gateway.lastRequest()).toEqual({
    bearer: expect.objectContaining({ claims: expect.objectContaining({ userId }) }),
    code: "123456",
    endUser: { ipAddress: "127.0.0.1" },
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test.each(["", " ", "1".repeat(65)])("the code's length is bounded: %#", async (code) => {
  const answer = await send(gateway, sample, { body: { code } });
  expectError(answer, "VALIDATION_ERROR", issue("code", "must be 1 to 64 characters long"));
});
