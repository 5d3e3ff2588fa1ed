/** The wall clock. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after the given time. */
  sleep(milliseconds: number): Promise<void>;
}
