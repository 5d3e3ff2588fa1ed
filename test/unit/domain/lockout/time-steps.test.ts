import fc from "fast-check";
import { expect, test } from "vitest";
import { untilWholeStep } from "../../../../src/domain/lockout/time-steps.ts";
import { createFakeClock } from "../../../fakes/system.ts";

/** How long work of a length takes together with the wait after it. */
async function took(workMs: number, stepMs: number): Promise<number> {
  const clock = createFakeClock();
  const startedAt = clock.now();
  clock.advance(workMs);
  await untilWholeStep(clock, startedAt, stepMs);
  return clock.now() - startedAt;
}

test("the whole takes the next multiple of the step, whatever the work took", async () => {
  const milliseconds = fc.integer({ min: 0, max: 20_000 });
  await fc.assert(
    fc.asyncProperty(milliseconds, fc.integer({ min: 1, max: 5_000 }), async (workMs, stepMs) => {
      expect(await took(workMs, stepMs)).toBe((Math.floor(workMs / stepMs) + 1) * stepMs);
    }),
  );
});

test("a clock that was set back costs one step", async () => {
  const clock = createFakeClock();
  const startedAt = clock.now();
  clock.advance(-7_000);
  await untilWholeStep(clock, startedAt, 500);
  expect(clock.sleeps).toEqual([500]);
});

test("a step of 0 waits for nothing", async () => {
  expect(await took(123, 0)).toBe(123);
});
