/** What became of work that needs the identity provider to hash a password. */
export type CapacityOutcome<T> =
  | { readonly kind: "done"; readonly value: T }
  /** The work was not begun: too much waits already, or its turn did not come in time. */
  | { readonly kind: "busy"; readonly retryAfterSeconds: number };

/**
 * How much password hashing is asked of the identity provider at a time. Hashing is what saturates it first; whoever asks for
 * more than it can do is answered late, and in the end not at all.
 */
export interface PasswordCapacity {
  /**
   * Runs the work when its turn comes. Work of a caller that has gone by then is not begun, and counts as busy.
   *
   * @throws what the work throws
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<CapacityOutcome<T>>;
}
