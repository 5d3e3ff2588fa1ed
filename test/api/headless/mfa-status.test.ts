import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway, tokens, userId } from "../harness.ts";

const sample = sampleOf("mfaStatus");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "INVALID_TOKEN" }]);

test("asks for the token's user, after the limits of the token's app", async () => {
  gateway.events.splice(0);
  await send(gateway, sample);
  expect(gateway.events).toEqual(["bearer", `limits ${client.id} 127.0.0.1`, "charged rest", "mfaStatus"]);
  expect(gateway.lastRequest()).toEqual({
    bearer: {
      claims: { userId, sessionId: tokens.sessionId, azp: client.id, email: "jane@example.com" },
      app: expect.objectContaining({ id: client.id }),
    },
  });
});

test("shows a user without a second factor", async () => {
  gateway.behaviour.mfaStatus = async () => ({ enabled: false, methods: [], backupCodesRemaining: 0 });
  expect((await send(gateway, sample)).body).toEqual({ enabled: false, methods: [], backupCodesRemaining: 0 });
});

test("HEAD answers like GET, without a body", async () => {
  const answer = await send(gateway, { ...sample, method: "HEAD" });
  expect([answer.status, answer.text]).toEqual([200, ""]);
  const refused = await send(gateway, { ...sample, method: "HEAD" }, { headers: { authorization: undefined } });
  expect([refused.status, refused.text]).toEqual([401, ""]);
});
