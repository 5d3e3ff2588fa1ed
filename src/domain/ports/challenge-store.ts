import type { MfaMethod } from "../../contract/headless.ts";

/** A login that has passed the password and waits for the second factor. */
export interface Challenge {
  /** The app client it was issued to. */
  readonly clientId: string;
  readonly userId: string;
  readonly username: string;
  /** Keyed hash of the account that the password attempt was counted under. */
  readonly account: string;
  readonly methods: readonly MfaMethod[];
  /** Milliseconds on the store's clock. */
  readonly createdAt: number;
  /** Wrong codes so far. */
  readonly wrongCodes: number;
}

/**
 * Open MFA challenges, under the keyed hash of their token. At any time at most one caller holds a taken challenge.
 *
 * Every method throws {@link import("./faults.ts").StoreUnavailable} when the store gives no answer in time.
 */
export interface ChallengeStore {
  put(tokenHash: string, challenge: Challenge, ttlSeconds: number): Promise<void>;
  get(tokenHash: string): Promise<Challenge | undefined>;
  /** Reads and removes it in one step. */
  take(tokenHash: string): Promise<{ readonly challenge: Challenge; readonly remainingMs: number } | undefined>;
  /** Puts a taken challenge back for the rest of its life. */
  restore(tokenHash: string, challenge: Challenge, remainingMs: number): Promise<void>;
}
