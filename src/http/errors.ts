import { HTTPException } from "hono/http-exception";
import { AuthError, type ErrorCode, validationError } from "../contract/errors.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../domain/ports/faults.ts";

/** When a caller may try again after a part of the gateway could not be reached. */
const outageRetrySeconds = 5;

const codeOfStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [404, "NOT_FOUND"],
  [405, "METHOD_NOT_ALLOWED"],
  [413, "PAYLOAD_TOO_LARGE"],
  [415, "UNSUPPORTED_MEDIA_TYPE"],
]);

/** The error of the contract for whatever was thrown; what is not known becomes INTERNAL_ERROR. */
export function toAuthError(thrown: unknown): AuthError {
  if (thrown instanceof AuthError) return thrown;
  if (thrown instanceof UpstreamUnavailable || thrown instanceof StoreUnavailable) {
    return new AuthError("INTERNAL_ERROR", { cause: thrown, retryAfterSeconds: outageRetrySeconds });
  }
  if (thrown instanceof HTTPException) {
    // The framework throws 400 for a body that it cannot parse. Neither its message nor its cause goes on: both may quote it.
    if (thrown.status === 400) return validationError([{ path: "", message: "must be valid JSON" }]);
    const code = codeOfStatus.get(thrown.status);
    if (code !== undefined) return new AuthError(code);
  }
  return new AuthError("INTERNAL_ERROR", { cause: thrown });
}
