import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { base, sampleOf, send, startGateway, tokens, userId } from "../harness.ts";
import { testUserIdQuery } from "../user-id-query.ts";

const sample = sampleOf("sessionsRevoke");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "USER_NOT_FOUND" }, { code: "CONFLICT" }]);
testUserIdQuery(() => gateway, sample);

test("hands the service the user and the session", async () => {
  await send(gateway, sample);
  expect(gateway.lastRequest()).toEqual({ userId, sessionId: tokens.sessionId });
});

// Threat: an id that becomes part of another path upstream. It is one value here, and the service knows no such session.
test.each(["..%2F..%2Fusers", "%2e%2e%2fusers", "a%00b", "a%3Fb=c", "x".repeat(500), "%E0%A4%A"])(
  "hands '%s' to the service as one value",
  async (id) => {
    const answer = await send(gateway, { ...sample, path: `${base}/sessions/${id}?userId=${userId}` });
    expect(answer.status).toBe(200);
    const { sessionId } = gateway.lastRequest();
    expect([id, id.startsWith("%E0") ? id : decodeURIComponent(id)]).toContain(sessionId);
  },
);

test("the session's id is not logged", async () => {
  await send(gateway, { ...sample, path: `${base}/sessions/marker-session?userId=${userId}` });
  expect(gateway.rawLog()).not.toContain("marker-session");
});
