import type { EndingState } from "./ending-marks.ts";

/** One rate limit to be charged: a bucket of `limit` requests that refills evenly over `windowSeconds`. */
export interface Bucket {
  /** Which policy it is; names the bucket in headers and in the store. */
  readonly policy: string;
  /** Whose bucket: already a keyed hash or a client id. Letters, digits, `_`, `-`, `.` and `:` only. */
  readonly subject: string;
  readonly limit: number;
  readonly windowSeconds: number;
  /** Looked at and charged only when the account is not locked: for the account's own bucket, so that a lock is told as one. */
  readonly afterLock?: boolean;
}

/** A bucket after it was charged. */
export interface BucketState {
  readonly policy: string;
  readonly limit: number;
  readonly windowSeconds: number;
  /** Requests left now. */
  readonly remaining: number;
  /** Whole seconds until the bucket is full again. */
  readonly resetSeconds: number;
}

/** How many wrong attempts of one kind lock an account, and for how long. */
export interface AttemptBudget {
  /** Passwords and second-factor codes are counted apart; both lock the same account. */
  readonly counter: "password" | "mfa";
  readonly maxAttempts: number;
  /** Length of the lock, and how long after the last attempt a count is kept. */
  readonly lockSeconds: number;
}

/** Entry to the account's gate: one identity-provider grant per account at a time, over all instances. */
export interface AccountEntry {
  /** Keyed hash of the account. */
  readonly account: string;
  /** The attempt that is counted when the entry is granted. Absent: the gate only, neither count nor lock. */
  readonly attempt?: AttemptBudget;
  /** Milliseconds on the store's clock: refuse the entry as `invalidated` if the account was locked or its challenges were revoked at or after this time. */
  readonly notInvalidatedSince?: number;
}

/** Entry to a single-flight gate: whoever comes after the leader gets the leader's result for a while. */
export interface FlightEntry {
  /** Keyed hash of what is in flight. */
  readonly flight: string;
  /** Keyed hash of the user whose endings of sessions it looks at. */
  readonly user: string;
}

/** Permission to make one upstream grant. Settle it exactly once. */
export interface Ticket {
  readonly id: string;
  readonly key: string;
}

/** The same for the leader of a flight. */
export interface FlightTicket extends FlightEntry {
  readonly id: string;
}

export type Admitted<T = Ticket> = {
  readonly kind: "admitted";
  readonly ticket: T;
  /** Whether another grant of this account ended within the last two seconds, or was cut off. */
  readonly followsAnother: boolean;
  /** The store's clock at the entry, milliseconds since the epoch. */
  readonly storeTime: number;
};

export type Refused =
  /** A bucket is empty. */
  | { readonly kind: "limited"; readonly policy: string; readonly retryAfterSeconds: number }
  /** Too many requests wait for the same account, or the wait took too long. */
  | { readonly kind: "busy"; readonly retryAfterSeconds: number }
  | { readonly kind: "locked"; readonly retryAfterSeconds: number }
  | { readonly kind: "invalidated" };

/** What the last leader of a flight has left. */
export type Replayed = {
  readonly kind: "replayed";
  readonly value: string;
  /** Whether sessions of the flight's user are being ended now. */
  readonly ending: EndingState;
};

/** `buckets` are in the order of the request's; for a refusal, nothing was taken from any of them. */
export type WithBuckets<T> = T & { readonly buckets: readonly BucketState[] };

/** How an account's attempt ended. */
export type AttemptResult =
  /** The login is complete: both counts start anew. */
  | "complete"
  /** Right but not complete, or never tried: the attempt is given back. */
  | "returned"
  /** Wrong: the attempt stays counted; the last one locks. */
  | "failed"
  /** No verdict: the attempt stays counted, but does not lock by itself. */
  | "unknown";

/** What settling an attempt did. */
export interface Settled {
  /** Whether this very attempt locked the account. */
  readonly locked: boolean;
  /** Attempts that ended as `returned` since the last `complete` one, this one included; forgotten after an hour without one. */
  readonly consecutiveReturns: number;
}

export interface LockoutState {
  /** Milliseconds since the epoch on the store's clock; undefined when not locked. */
  readonly lockedUntil: number | undefined;
  /** Milliseconds left of the lock, 0 when not locked. */
  readonly lockRemainingMs: number;
  /** Counted password attempts, in-flight ones included. */
  readonly passwordAttempts: number;
  readonly mfaAttempts: number;
}

/**
 * Rate limits, lockout and the per-account gate, decided together and atomically.
 *
 * Every method throws {@link import("./faults.ts").StoreUnavailable} when the store gives no answer in time; the caller
 * must treat that as a refusal.
 */
export interface Admission {
  /** Charges buckets: all of them or, when one is empty, none. */
  charge(
    buckets: readonly Bucket[],
  ): Promise<WithBuckets<{ readonly kind: "charged" } | (Refused & { kind: "limited" })>>;
  /**
   * Charges the buckets, looks at the lock and enters the account's gate, in one round trip when the gate is free. When it
   * is not, waits its turn, first come first served, for a bounded time. The attempt is counted in the same step that
   * grants the entry.
   */
  enterAccount(
    entry: AccountEntry,
    buckets: readonly Bucket[],
    signal?: AbortSignal,
  ): Promise<WithBuckets<Admitted | Refused>>;
  /** Leaves the account's gate. */
  settleAccount(ticket: Ticket, result: AttemptResult, budget?: AttemptBudget): Promise<Settled>;
  /** Enters a single-flight gate, or returns what the last leader left for it. */
  enterFlight(
    entry: FlightEntry,
    buckets: readonly Bucket[],
    signal?: AbortSignal,
  ): Promise<WithBuckets<Admitted<FlightTicket> | Refused | Replayed>>;
  /**
   * Leaves a single-flight gate; a value is handed to everyone who enters within `ttlSeconds`. Tells in the same step whether
   * sessions of the flight's user are being ended.
   */
  settleFlight(
    ticket: FlightTicket,
    leave?: { readonly value: string; readonly ttlSeconds: number },
  ): Promise<EndingState>;
  lockoutState(account: string): Promise<LockoutState>;
  /** Clears counts and lock. */
  unlock(account: string): Promise<void>;
  /** Revokes the challenges of an account: entries whose `notInvalidatedSince` is not later than now are refused from here on. */
  invalidateChallenges(account: string): Promise<void>;
}
