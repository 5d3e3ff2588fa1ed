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

/** Reads the words of a verdict; `buckets` are those that the script was given. */
export function parseVerdict(words: readonly string[], buckets: readonly Bucket[] = []): Verdict {
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
      return { kind, followsAnother: first === "1", storeTime: Number(second) };
    case "limited":
      return { kind, policy: buckets[Number(first) - 1]?.policy ?? "", retryAfterSeconds: seconds(second) };
    case "locked":
      return { kind, retryAfterSeconds: seconds(first) };
    case "replayed":
      return { kind, value: first, ending: second as EndingState };
    default:
      throw new Error(`A script answered with an unknown verdict: ${kind}`);
  }
}

/** Reads the answer of a script that was given buckets. */
export function parseDecision(reply: unknown, buckets: readonly Bucket[]): Decision {
  const [words, numbers] = reply as [string[], string[]];
  return {
    verdict: parseVerdict(words, buckets),
    buckets: buckets.map(({ policy, limit, windowSeconds }, index) => ({
      policy,
      limit,
      windowSeconds,
      remaining: Number(numbers[2 * index]),
      resetSeconds: Math.ceil(Number(numbers[2 * index + 1]) / 1000),
    })),
  };
}

/** The arguments that a script takes for its buckets. */
export function bucketArguments(buckets: readonly Bucket[]): readonly number[] {
  return buckets.flatMap(({ limit, windowSeconds, afterLock }) => [limit, windowSeconds * 1000, afterLock ? 1 : 0]);
}

function seconds(milliseconds: string): number {
  return Math.max(1, Math.ceil(Number(milliseconds) / 1000));
}
