import { AuthErrorCode, CalimaticAuthError } from "./errors.ts";

/** The error for a value that the SDK does not send: `VALIDATION_ERROR` with status 0. Holds the path, never the value. */
export function refusal(path: string, message: string): CalimaticAuthError {
  return new CalimaticAuthError({
    status: 0,
    code: AuthErrorCode.VALIDATION_ERROR,
    message: `${path}: ${message}`,
    details: [{ path, message }],
  });
}
