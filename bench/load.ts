import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./http-client.ts";

/** One request of a load, or some that belong together. @throws whatever is not the wanted answer */
export type Work = (index: number) => Promise<unknown>;

/** An answer that a benchmark did not want: its figures would be those of something else. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** @throws WrongAnswer */
export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer;
  throw new WrongAnswer(`The answer is ${answer.status}, not ${status}: ${answer.body.slice(0, 200)}`);
}

/** Keeps so many under way until so many are done: the highest rate. Resolves to how many were done a second. */
export async function saturate(work: Work, options: { atOnce: number; count: number }): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: options.atOnce }, async () => {
      while (next < options.count) await work(next++);
    }),
  );
  return options.count / ((performance.now() - startedAt) / 1000);
}

/** One finished request of an open loop. */
export interface Arrival {
  /** From the moment when it was due, in milliseconds, so that one that had to wait to be sent has waited. */
  readonly latencyMs: number;
  readonly error: unknown;
}

/**
 * Begins work at a fixed rate, whether what came before is done or not, as callers do who do not know of each other.
 *
 * @see "How NOT to Measure Latency", Gil Tene, on coordinated omission
 */
export async function arrive(work: Work, options: { perSecond: number; seconds: number }): Promise<readonly Arrival[]> {
  const count = Math.round(options.perSecond * options.seconds);
  const arrivals: Promise<Arrival>[] = [];
  const startedAt = performance.now();
  for (let index = 0; index < count; index++) {
    const due = startedAt + (index * 1000) / options.perSecond;
    const wait = due - performance.now();
    // A timer is a millisecond late at best; what is due within that goes out now, and is measured from when it was due.
    if (wait > 1) await sleep(wait);
    const finish = (error: unknown): Arrival => ({ latencyMs: performance.now() - due, error });
    arrivals.push(work(index).then(() => finish(undefined), finish));
  }
  return Promise.all(arrivals);
}

/** The latencies of arrivals, all of which must have been answered as wanted. @throws the first error */
export function latencies(arrivals: readonly Arrival[]): readonly number[] {
  for (const { error } of arrivals) if (error !== undefined) throw error;
  return arrivals.map(({ latencyMs }) => latencyMs);
}
