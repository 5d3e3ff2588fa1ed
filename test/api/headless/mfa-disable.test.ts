import { afterAll, beforeEach, expect, test } from "vitest";
import { actionError, expectError, issue, lockedError, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway, userId } from "../harness.ts";

const sample = sampleOf("mfaDisable");
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

const disable = (body: Record<string, unknown>, headers = {}) => send(gateway, sample, { body, headers });

test("hands the service the token's user, the code, and for whom it is done", async () => {
  await disable(
    { code: " a1b2-c3d4 ", method: "backup_code" },
    {
      "x-client-id": client.id,
      "x-client-secret": client.secret,
      "x-end-user-ip": "203.0.113.9",
      "x-end-user-agent": "Firefox",
    },
  );
  expect(gateway.lastRequest()).toEqual({
    bearer: expect.objectContaining({ claims: expect.objectContaining({ userId }) }),
    code: "a1b2-c3d4",
    method: "backup_code",
    endUser: { ipAddress: "203.0.113.9", userAgent: "Firefox" },
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test("the method is totp unless it is named", async () => {
  await disable({ code: "123456" });
  expect(gateway.lastRequest()["method"]).toBe("totp");
});

test.each(["sms", "TOTP", "", "__proto__"])("method '%s' is refused without an echo", async (method) => {
  const answer = await disable({ code: "123456", method });
  expectError(answer, "VALIDATION_ERROR", issue("method", 'must be "totp" or "backup_code"'));
});

// Threat: whoever has stolen an access token turns the second factor off.
test("without a code nothing is asked of the service", async () => {
  gateway.events.splice(0);
  expectError(await disable({ method: "totp" }), "VALIDATION_ERROR", issue("code", "is required"));
  expect(gateway.events).not.toContain("mfaDisable");
});

test.each(["", " ", "1".repeat(65)])("the code's length is bounded: %#", async (code) => {
  expectError(await disable({ code }), "VALIDATION_ERROR", issue("code", "must be 1 to 64 characters long"));
});
