import type { Clock } from "../ports/clock.ts";

/**
 * Waits until a whole number of steps, one at the least, have passed since `startedAt`. How long the work in between took then
 * shows in nothing but that number.
 *
 * @param startedAt milliseconds since the epoch; should the clock have been set back since, one step from now is waited
 * @param stepMs 0 to wait for nothing
 */
export async function untilWholeStep(clock: Clock, startedAt: number, stepMs: number): Promise<void> {
  if (stepMs === 0) return;
  const tookMs = Math.max(0, clock.now() - startedAt);
  await clock.sleep(stepMs - (tookMs % stepMs));
}
