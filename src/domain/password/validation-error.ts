import { AuthError, type ValidationIssue } from "../../contract/errors.ts";

/** A request that broke a rule of the realm. The message names the first field and its rule, never a value. */
export function validationError(issues: readonly ValidationIssue[]): AuthError {
  const [first = { path: "", message: "is not valid" }] = issues;
  const message = first.path === "" ? first.message : `${first.path}: ${first.message}`;
  return new AuthError("VALIDATION_ERROR", { message, issues });
}
