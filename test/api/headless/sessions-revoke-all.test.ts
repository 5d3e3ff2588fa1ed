import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { sampleOf, send, startGateway } from "../harness.ts";
import { testUserIdQuery } from "../user-id-query.ts";

const sample = sampleOf("sessionsRevokeAll");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "USER_NOT_FOUND" }]);
testUserIdQuery(() => gateway, sample);

test("says when there was nothing to end", async () => {
  gateway.behaviour.sessionsRevokeAll = async () => ({ revoked: 0 });
  expect((await send(gateway, sample)).body).toEqual({ revoked: 0 });
});
