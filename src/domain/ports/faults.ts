/**
 * What a failed call to the identity provider can have done.
 *
 * - `unsent`: the request never left (no connection, circuit open);
 * - `noVerdict`: an answer came and said nothing about the credentials (5xx, 429, not JSON);
 * - `unknown`: the request may have been carried out, no answer came (time-out, connection lost).
 */
export type UpstreamFate = "unsent" | "noVerdict" | "unknown";

/** The identity provider cannot be reached or gave no usable answer. Becomes INTERNAL_ERROR. */
export class UpstreamUnavailable extends Error {
  override readonly name = "UpstreamUnavailable";
  readonly fate: UpstreamFate;
  constructor(message: string, fate: UpstreamFate, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.fate = fate;
  }
}

/** The store cannot be reached, refuses writes or did not answer in time. Becomes INTERNAL_ERROR. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
  }
}
