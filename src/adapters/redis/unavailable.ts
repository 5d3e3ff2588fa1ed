import { StoreUnavailable } from "../../domain/ports/faults.ts";

/**
 * The port's error for whatever a command failed with: no connection, no answer in time, or a refusal such as READONLY, OOM,
 * LOADING, CLUSTERDOWN or too many redirections. What the store cannot decide is not decided.
 *
 * The message holds the server's error code only; the error itself is the cause.
 */
export function storeUnavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  const message = error instanceof Error ? error.message : "";
  const code = /^[A-Z]{3,20}(?= )/.exec(message)?.[0];
  return new StoreUnavailable(
    code === undefined ? "The store did not answer." : `The store refused the command (${code}).`,
    error,
  );
}
