import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { sampleOf, send, startGateway, unlocked } from "../harness.ts";
import { testUserIdQuery } from "../user-id-query.ts";

const sample = sampleOf("lockoutStatus");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "USER_NOT_FOUND" }]);
testUserIdQuery(() => gateway, sample);

test("shows a lock", async () => {
  gateway.behaviour.lockoutStatus = async () => ({
    ...unlocked,
    locked: true,
    lockedUntil: Date.UTC(2026, 2, 25, 2, 39),
    remainingSeconds: 540,
    attemptsRemaining: 0,
    lockSeconds: 90,
  });
  const { body } = await send(gateway, sample);
  expect(body).toEqual({
    locked: true,
    remainingLockoutSeconds: 540,
    attemptsRemaining: 0,
    lockedUntil: "2026-03-25T02:39:00.000Z",
    maxAttempts: 5,
    lockoutDurationMinutes: 2,
  });
});

test("HEAD answers like GET, without a body", async () => {
  const answer = await send(gateway, { ...sample, method: "HEAD" });
  expect(answer.status).toBe(200);
  expect(answer.text).toBe("");
});
