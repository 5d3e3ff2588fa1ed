import type { Bucket, BucketState } from "./admission.ts";

/**
 * The rate limits of one request, handed down so that a service can charge them in the same round trip as its own decision.
 * The front charges whatever no service has taken.
 */
export interface RequestLimits {
  /** The buckets of the app client and of the end user's address. The first call takes them, later ones get none. */
  take(): readonly Bucket[];
  /** The bucket of an account, named by its keyed hash. */
  account(account: string): Bucket;
  /** Tells the front what the buckets hold after the charge, for its headers. */
  report(states: readonly BucketState[]): void;
}
