/** Whether sessions of a user are being ended now, or were a short while ago. */
export type EndingState = "none" | "underWay" | "over";

/** One ending that was marked. */
export interface EndingMark {
  readonly id: string;
  /** Keyed hash of the user. */
  readonly user: string;
}

/**
 * Marks for users whose sessions are being ended. A mark outlives its ending by more than any call that can have run beside it.
 *
 * Every method throws {@link import("./faults.ts").StoreUnavailable} when the store gives no answer in time.
 */
export interface EndingMarks {
  /** Resolves when whoever looks from then on sees it. */
  begin(user: string): Promise<EndingMark>;
  /** The ending is over; the mark stays for its time. */
  finish(mark: EndingMark): Promise<void>;
  /** Settling a flight of the user tells the same, without another round trip. */
  look(user: string): Promise<EndingState>;
}
