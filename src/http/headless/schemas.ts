import { z } from "@hono/zod-openapi";
import type { ErrorCode } from "../../contract/errors.ts";
import type { LockoutStatus, TokenSet } from "../../contract/headless.ts";
import type { LockoutView } from "../../domain/lockout/lockout-service.ts";
import type { IssuedTokens } from "../../domain/ports/identity-provider.ts";
import { errorAnswers } from "./errors.ts";

/** Times are ISO 8601 UTC with milliseconds. */
export const timestamp = () => z.iso.datetime({ precision: 3 }).openapi({ example: "2026-03-25T02:30:00.000Z" });

export const mfaMethod = () => z.enum(["totp", "backup_code"], { error: 'must be "totp" or "backup_code"' });

export const userSchema = z
  .object({
    userId: z.string(),
    email: z.string(),
    firstName: z.string(),
    lastName: z.string(),
    organizationId: z.string().optional(),
    orgName: z.string().optional(),
    licenses: z.array(z.string()).optional(),
  })
  .openapi("User");

export const tokenSetSchema = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string(),
    idToken: z.string(),
    expiresAt: timestamp(),
    user: userSchema,
  })
  .openapi("TokenSet");

export const lockoutStatusSchema = z
  .object({
    locked: z.boolean(),
    remainingLockoutSeconds: z.int().min(0).nullable(),
    attemptsRemaining: z.int().min(0),
    lockedUntil: timestamp().nullable(),
    maxAttempts: z.int().min(1),
    lockoutDurationMinutes: z.int().min(1),
  })
  .openapi("LockoutStatus");

/** A JSON object with the given fields; unknown ones are ignored. */
export const jsonObject = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.object(shape, { error: ({ input }) => (input === undefined ? "is required" : "must be a JSON object") });

/** The required JSON body of a request. */
export const jsonRequest = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { "application/json": { schema } } },
});

/** Errors that every operation of an app client can answer. */
const commonErrors = [
  "VALIDATION_ERROR",
  "INVALID_CLIENT",
  "PAYLOAD_TOO_LARGE",
  "RATE_LIMITED",
  "INTERNAL_ERROR",
] as const satisfies ErrorCode[];

/**
 * The declared answers of an operation: 200 with the schema, and its errors besides the common ones. The errors are in the
 * object, for the response guard and the API document, but not in its type: a handler throws them, it does not return them.
 */
export function answers<Schema extends z.ZodType>(
  success: { readonly description: string; readonly schema: Schema },
  errors: readonly ErrorCode[],
): { 200: { description: string; content: { "application/json": { schema: Schema } } } } {
  const { description, schema } = success;
  return {
    ...errorAnswers([...commonErrors, ...errors]),
    200: { description, content: { "application/json": { schema } } },
  };
}

/** The token set as the wire shows it. */
export function toTokenSet(tokens: IssuedTokens): TokenSet {
  const { userId, email, firstName, lastName, organization, licenses } = tokens.user;
  return {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    idToken: tokens.idToken,
    expiresAt: new Date(tokens.accessTokenExpiresAt).toISOString(),
    user: {
      userId,
      email,
      firstName,
      lastName,
      ...(organization === undefined ? {} : { organizationId: organization.id, orgName: organization.name }),
      ...(licenses === undefined ? {} : { licenses: [...licenses] }),
    },
  };
}

/** The lockout as the wire shows it; the duration is rounded up to whole minutes. */
export function toLockoutStatus(view: LockoutView): LockoutStatus {
  return {
    locked: view.locked,
    remainingLockoutSeconds: view.remainingSeconds ?? null,
    attemptsRemaining: view.attemptsRemaining,
    lockedUntil: view.lockedUntil === undefined ? null : new Date(view.lockedUntil).toISOString(),
    maxAttempts: view.maxAttempts,
    lockoutDurationMinutes: Math.ceil(view.lockSeconds / 60),
  };
}
