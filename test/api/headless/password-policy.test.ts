import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("passwordPolicy");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, []);

test("charges the limits before the policy is read", async () => {
  gateway.events.splice(0);
  await send(gateway, sample);
  expect(gateway.events).toEqual(["client", `limits ${client.id} 127.0.0.1`, "charged rest", "passwordPolicy"]);
});

test("shows the realm's pattern where it has one", async () => {
  const { notContainsUsername: _, ...policy } = await defaults.passwordPolicy();
  gateway.behaviour.passwordPolicy = async () => ({ ...policy, notContainsUsername: false, regex: "^[a-z]+$" });
  expect((await send(gateway, sample)).body).toEqual({ ...policy, regex: "^[a-z]+$" });
});
