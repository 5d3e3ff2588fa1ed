import type { Bucket, BucketState } from "../../domain/ports/admission.ts";
import type { Random } from "../../domain/ports/random.ts";
import type { Decide } from "./charging.ts";
import { type Decision, type FinalVerdict, parseVerdict, type Verdict } from "./reply.ts";
import type { Waiter, Waiters } from "./waiters.ts";

/** The store's calls for one gate. `id` names the entry. */
export interface Gate {
  readonly name: string;
  enter(
    id: string,
    wait: { readonly waitMs: number; readonly queueLimit: number },
    buckets: readonly Bucket[],
  ): Promise<Decision>;
  poll(id: string): Promise<Verdict>;
  leave(id: string): Promise<void>;
  /** What an entry that was handed the gate asks before it rests on it; absent: the word of its turn is enough. */
  confirm?(id: string): Promise<Verdict>;
}

export type Passage = {
  readonly id: string;
  readonly verdict: FinalVerdict | { readonly kind: "busy"; readonly retryAfterSeconds: number };
  readonly buckets: readonly BucketState[];
};

export type PassGate = (gate: Gate, buckets: readonly Bucket[], signal?: AbortSignal) => Promise<Passage>;

/** How often a waiter looks for itself, in case the word of its turn was lost; spread by a fifth to both sides. */
const pollMs = 1_000;

/**
 * Takes an entry through a gate: asks once, and when the gate is taken waits to be told. Whatever ends the wait early (time,
 * abort, fault, shutdown) leaves the gate, so that a slot handed over at the last moment is given back.
 */
export function createPassGate(deps: {
  readonly decide: Decide;
  readonly waiters: Waiters;
  readonly random: Random;
  readonly waitMs: number;
  readonly queueLimit: number;
  /** Waiters of this instance; more get no place in a queue. */
  readonly maxWaiters: number;
}): PassGate {
  const { decide, waiters, random, waitMs, maxWaiters } = deps;
  // By then everyone who waits now has had a turn or has left.
  const busy = { kind: "busy", retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) } as const;

  /** The verdict of a queued entry, or undefined when the wait is over. */
  async function wait(
    gate: Gate,
    waiter: Waiter,
    deadline: number,
    signal?: AbortSignal,
  ): Promise<Verdict | undefined> {
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      const words = await waiter.next(Math.min(left, pollMs * (0.8 + 0.4 * Math.random())), signal);
      if (words !== undefined) return parseVerdict(words);
      if (deadline <= performance.now()) return undefined;
      const seen = await gate.poll(waiter.id);
      if (seen.kind !== "queued") return seen;
    }
  }

  /** The same, and what the store says to it where it must be asked again. */
  async function turn(gate: Gate, waiter: Waiter, deadline: number, signal?: AbortSignal) {
    const verdict = await wait(gate, waiter, deadline, signal);
    return verdict?.kind === "granted" && gate.confirm !== undefined ? gate.confirm(waiter.id) : verdict;
  }

  /** One entry. Undefined verdict: come again, without buckets. */
  async function attempt(gate: Gate, buckets: readonly Bucket[], deadline: number, signal?: AbortSignal) {
    const waiter = waiters.add(random.token(15));
    const { id } = waiter;
    const leave = () => gate.leave(id);
    let mustLeave = true;
    try {
      const waiting = {
        waitMs: Math.max(0, Math.floor(deadline - performance.now())),
        queueLimit: waiters.size > maxWaiters ? 0 : deps.queueLimit,
      };
      const first = await decide(buckets, {
        name: gate.name,
        enter: (ownBuckets) => gate.enter(id, waiting, ownBuckets),
        leave,
      });
      const verdict = first.verdict.kind === "queued" ? await turn(gate, waiter, deadline, signal) : first.verdict;
      if (verdict?.kind === "granted") signal?.throwIfAborted();
      mustLeave = verdict === undefined;
      return { id, verdict: verdict ?? busy, buckets: first.buckets };
    } finally {
      waiter.remove();
      // Should that fail too, the entry's deadline or its lease ends it.
      if (mustLeave) await leave().catch(() => undefined);
    }
  }

  return async (gate, buckets, signal) => {
    signal?.throwIfAborted();
    const deadline = performance.now() + waitMs;
    let states: readonly BucketState[] | undefined;
    for (;;) {
      const entry = await attempt(gate, states === undefined ? buckets : [], deadline, signal);
      states ??= entry.buckets;
      const { id, verdict } = entry;
      switch (verdict.kind) {
        case "recheck":
          if (deadline <= performance.now()) return { id, verdict: busy, buckets: states };
          signal?.throwIfAborted();
          continue;
        case "busy":
          return { id, verdict: busy, buckets: states };
        case "charged":
        case "refunded":
        case "queued":
          throw new Error(`A gate answered with the verdict ${verdict.kind}`);
        default:
          return { id, verdict, buckets: states };
      }
    }
  };
}
