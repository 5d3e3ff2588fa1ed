import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway, userId } from "../harness.ts";

const sample = sampleOf("unlock");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "USER_NOT_FOUND" }]);

test("charges the limits before the unlock", async () => {
  gateway.events.splice(0);
  await send(gateway, sample);
  expect(gateway.events).toEqual(["client", `limits ${client.id} 127.0.0.1`, "charged rest", "unlock"]);
});

test.each([userId, "not-a-uuid", "", "../admin"])("hands '%s' to the service", async (id) => {
  await send(gateway, sample, { body: { userId: id } });
  expect(gateway.lastRequest()).toEqual({ userId: id });
});
