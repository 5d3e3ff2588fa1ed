import type { Bucket, BucketState, Replayed } from "../../domain/ports/admission.ts";
import type { EndingState } from "../../domain/ports/ending-marks.ts";

/** A verdict that ends the way through a gate. */
export type FinalVerdict =
  | { readonly kind: "granted"; readonly followsAnother: boolean; readonly storeTime: number }
  | { readonly kind: "limited"; readonly policy: string; readonly retryAfterSeconds: number }
  | { readonly kind: "locked"; readonly retryAfterSeconds: number }
  | { readonly kind: "invalidated" }
  | Replayed;

/** What a script, or the word of a turn, says. */
export type Verdict = FinalVerdict | { readonly kind: "charged" | "refunded" | "queued" | "busy" | "recheck" };

/** One script's decision. `buckets` are in the order of its own. */
export interface Decision {
  readonly verdict: Verdict;
  readonly buckets: readonly BucketState[];
}

/** The words of a verdict: numbers are numbers in a script's answer, and text in the word of a turn. */
export type Words = readonly (string | number)[];

/** Reads a verdict; `buckets` are those that the script was given. */
export function parseVerdict(words: Words, buckets: readonly Bucket[] = []): Verdict {
  const [kind, first = "", second = ""] = words;
  switch (kind) {
    case "charged":
    case "refunded":
    case "queued":
    case "busy":
    case "recheck":
      return { kind };
    case "invalidated":
      return { kind };
    case "granted":
      return { kind, followsAnother: Number(first) === 1, storeTime: Number(second) };
    case "limited":
      return { kind, policy: buckets[Number(first) - 1]?.policy ?? "", retryAfterSeconds: seconds(second) };
    case "locked":
      return { kind, retryAfterSeconds: seconds(first) };
    case "replayed":
      return { kind, value: String(first), ending: second as EndingState };
    default:
      throw new Error(`A script answered with an unknown verdict: ${kind}`);
  }
}

/** Reads the answer of a script that was given buckets. */
export function parseDecision(reply: unknown, buckets: readonly Bucket[]): Decision {
  const [words, numbers] = reply as [Words, number[]];
  return {
    verdict: parseVerdict(words, buckets),
    buckets: buckets.map(({ policy, limit, windowSeconds }, index) => ({
      policy,
      limit,
      windowSeconds,
      remaining: numbers[2 * index] as number,
      resetSeconds: Math.ceil((numbers[2 * index + 1] as number) / 1000),
    })),
  };
}

/** The arguments that a script takes for its buckets. */
export function bucketArguments(buckets: readonly Bucket[]): readonly number[] {
  return buckets.flatMap(({ limit, windowSeconds, afterLock }) => [limit, windowSeconds * 1000, afterLock ? 1 : 0]);
}

function seconds(milliseconds: string | number): number {
  return Math.max(1, Math.ceil(Number(milliseconds) / 1000));
}
