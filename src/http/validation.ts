import type { z } from "@hono/zod-openapi";
import type { ValidationIssue } from "../contract/errors.ts";

/** The broken rules of a schema, in the order of its fields. */
export function issuesOf(error: z.ZodError): ValidationIssue[] {
  return error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
}
