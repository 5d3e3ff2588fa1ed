import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { sampleOf, send, startGateway } from "../harness.ts";
import { testUserIdQuery } from "../user-id-query.ts";

const sample = sampleOf("sessionsList");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "USER_NOT_FOUND" }]);
testUserIdQuery(() => gateway, sample);

test("leaves out what is not known of a session", async () => {
  gateway.behaviour.sessionsList = async () => [
    { id: "s".repeat(24), application: "Demo app", createdAt: 0, lastActiveAt: 1 },
  ];
  expect((await send(gateway, sample)).body).toEqual({
    sessions: [
      {
        id: "s".repeat(24),
        application: "Demo app",
        createdAt: "1970-01-01T00:00:00.000Z",
        lastActiveAt: "1970-01-01T00:00:00.001Z",
      },
    ],
  });
});

test("shows a user without sessions", async () => {
  gateway.behaviour.sessionsList = async () => [];
  expect((await send(gateway, sample)).body).toEqual({ sessions: [] });
});

test("HEAD answers like GET, without a body", async () => {
  const answer = await send(gateway, { ...sample, method: "HEAD" });
  expect([answer.status, answer.text]).toEqual([200, ""]);
});
