import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { ApiAnswer } from "./api.ts";

/** The documented answer of a fault: no more than code, message and request id, a time to try again, and no token. */
export function expectFault({ status, body, headers }: ApiAnswer): void {
  expect([status, body.code]).toEqual([500, "INTERNAL_ERROR"]);
  expect(headers.get("retry-after")).toMatch(/^\d+$/);
  expect(body.requestId).not.toBe("");
  expect(Object.keys(body).sort()).toEqual(["code", "message", "requestId"]);
}

/** Fails when a call has not come to an end by then: bounds are generous, they tell an end from a hang. */
export async function within<T>(milliseconds: number, call: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`There was no answer within ${milliseconds} ms.`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([call, late]);
  } finally {
    abort.abort();
  }
}

/** Asks again until the answer is a success; everything before it must be a documented fault. The test's own time-out bounds it. */
export async function untilOk(call: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
  for (;;) {
    const answer = await call();
    if (answer.status === 200) return answer;
    expectFault(answer);
    await sleep(200);
  }
}
