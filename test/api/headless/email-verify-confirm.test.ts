import { afterAll, beforeEach, expect, test } from "vitest";
import { expectError, issue, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("emailVerifyConfirm");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "INVALID_TOKEN" }]);

test("hands the service the app and the token", async () => {
  await send(gateway, sample);
  expect(gateway.lastRequest()).toEqual({
    client: { app: expect.objectContaining({ id: client.id }), credentials: client },
    token: "mail-token",
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test.each(["", "t".repeat(4097)])("the token's length is bounded: %#", async (token) => {
  const answer = await send(gateway, sample, { body: { token } });
  expectError(answer, "VALIDATION_ERROR", issue("token", "must be 1 to 4096 characters long"));
});

// Threat: a link scanner or a prefetching mail program uses the token up. A GET must do nothing.
test("by GET there is nothing to be had", async () => {
  gateway.events.splice(0);
  const answer = await send(gateway, { method: "GET", path: `${sample.path}?token=mail-token` });
  expectError(answer, "METHOD_NOT_ALLOWED");
  expect(gateway.events).toEqual([]);
});
