import { afterAll, beforeEach, expect, test } from "vitest";
import { expectError, issue, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("logout");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "TOKEN_EXPIRED" }]);

test("charges the limits before the session is ended", async () => {
  gateway.events.splice(0);
  await send(gateway, sample);
  expect(gateway.events).toEqual(["client", `limits ${client.id} 127.0.0.1`, "charged rest", "logout"]);
  gateway.events.splice(0);
  gateway.behaviour.limitsExhausted = true;
  await send(gateway, sample);
  expect(gateway.events).not.toContain("logout");
});

test.each(["", "r".repeat(4097)])("the token's length is bounded: %#", async (refreshToken) => {
  const answer = await send(gateway, sample, { body: { refreshToken } });
  expectError(answer, "VALIDATION_ERROR", issue("refreshToken", "must be 1 to 4096 characters long"));
});
