import { afterAll, beforeEach, expect, test } from "vitest";
import { AuthError } from "../../../src/contract/errors.ts";
import { expectError, issue, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("passwordResetConfirm");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "INVALID_TOKEN" }]);

test("hands the service the app, the token and the password as it is", async () => {
  await send(gateway, sample, { body: { token: "mail-token", newPassword: "  päss wörd " } });
  expect(gateway.lastRequest()).toEqual({
    client: { app: expect.objectContaining({ id: client.id }), credentials: client },
    token: "mail-token",
    newPassword: "  päss wörd ",
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test("a password that breaks the realm's policy names the field as it was sent", async () => {
  const issues = [{ path: "newPassword", message: "must be at least 8 characters long" }];
  gateway.behaviour.passwordResetConfirm = async () => {
    throw new AuthError("VALIDATION_ERROR", { message: "newPassword: must be at least 8 characters long", issues });
  };
  const answer = await send(gateway, sample);
  expectError(answer, "VALIDATION_ERROR", issue("newPassword", "must be at least 8 characters long"));
});

test.each(["", "p".repeat(129)])("the password's length is bounded: %#", async (newPassword) => {
  const answer = await send(gateway, sample, { body: { ...sample.body, newPassword } });
  expectError(answer, "VALIDATION_ERROR", issue("newPassword", "must be 1 to 128 characters long"));
});

test("the token's length is bounded", async () => {
  const answer = await send(gateway, sample, { body: { ...sample.body, token: "t".repeat(4097) } });
  expectError(answer, "VALIDATION_ERROR", issue("token", "must be 1 to 4096 characters long"));
});
