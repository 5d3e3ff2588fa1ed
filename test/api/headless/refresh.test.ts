import { afterAll, beforeEach, expect, test } from "vitest";
import { expectError, issue, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("refresh");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "TOKEN_EXPIRED" }, { code: "APP_NOT_LICENSED" }]);

test("hands the service what was sent", async () => {
  await send(gateway, sample);
  expect(gateway.lastRequest()).toEqual({
    client: { app: expect.objectContaining({ id: client.id }), credentials: client },
    refreshToken: "refresh-0",
    endUser: { ipAddress: "127.0.0.1" },
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test.each(["", "r".repeat(4097)])("the token's length is bounded: %#", async (refreshToken) => {
  const answer = await send(gateway, sample, { body: { refreshToken } });
  expectError(answer, "VALIDATION_ERROR", issue("refreshToken", "must be 1 to 4096 characters long"));
});
