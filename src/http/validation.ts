import type { z } from "@hono/zod-openapi";
import { AuthError, type ValidationIssue } from "../contract/errors.ts";

/** A request that broke a rule. Says which field and which rule, never the value. */
export function validationError(issues: readonly ValidationIssue[], cause?: unknown): AuthError {
  const [first = { path: "", message: "is not valid" }] = issues;
  return new AuthError("VALIDATION_ERROR", {
    message: `${first.path === "" ? "body" : first.path}: ${first.message}`,
    issues,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The broken rules of a schema, in the order of its fields. */
export function issuesOf(error: z.ZodError): ValidationIssue[] {
  return error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
}
