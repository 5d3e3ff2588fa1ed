import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("backupCodesCount");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "INVALID_TOKEN" }, { code: "MFA_NOT_ENROLLED" }]);

test("shows a user who has none", async () => {
  gateway.behaviour.backupCodesCount = async () => ({ remaining: 0, total: 0 });
  expect((await send(gateway, sample)).body).toEqual({ remaining: 0, total: 0 });
});
