import { afterAll, beforeEach, expect, test } from "vitest";
import { expectError, issue, testEveryOperation } from "../common-suite.ts";
import { base, client, sampleOf, send, startGateway, unlocked } from "../harness.ts";

const sample = sampleOf("lockoutStatus");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(
  () => gateway,
  sample,
  [{ code: "USER_NOT_FOUND" }],
  (thrown) => {
    gateway.behaviour.status = async () => {
      throw thrown;
    };
  },
);

const get = (query: string) => send(gateway, { method: "GET", path: `${base}/security/lockout-status${query}` });

test("shows a lock", async () => {
  gateway.behaviour.status = async () => ({
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

test("charges the limits before the look-up", async () => {
  gateway.events.splice(0);
  await send(gateway, sample);
  expect(gateway.events).toEqual(["client", `limits ${client.id} 127.0.0.1`, "charged rest", "lockoutStatus"]);
});

test.each(["not-a-uuid", "../../etc/passwd", "a%00b", ""])(
  "hands '%s' to the service: it knows no such user",
  async (id) => {
    await get(`?userId=${id}`);
    expect(gateway.lastRequest()).toEqual({ userId: decodeURIComponent(id) });
  },
);

test.each(["", "?", "?user=1", "?userid=1", "?__proto__=1&constructor=2"])("'%s' has no userId", async (query) => {
  expectError(await get(query), "VALIDATION_ERROR", issue("userId", "is required"));
});

test.each(["?userId=a&userId=b", "?userId=a&userId=", "?userId=a&%75serId=b"])("'%s' has two", async (query) => {
  expectError(await get(query), "VALIDATION_ERROR", issue("userId", "must be a string"));
});

test("limits come before the query's check", async () => {
  gateway.behaviour.limitsExhausted = true;
  expectError(await get(""), "RATE_LIMITED", { details: { retryAfterSeconds: 7 } });
});

test("HEAD answers like GET, without a body", async () => {
  const answer = await send(gateway, { ...sample, method: "HEAD" });
  expect(answer.status).toBe(200);
  expect(answer.text).toBe("");
});
