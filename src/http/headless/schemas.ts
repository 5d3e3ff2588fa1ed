import { z } from "@hono/zod-openapi";
import type { ErrorCode } from "../../contract/errors.ts";
import type { LockoutStatus, TokenSet } from "../../contract/headless.ts";
import type { LockoutView } from "../../domain/lockout/lockout-service.ts";
import type { IssuedTokens } from "../../domain/ports/identity-provider.ts";
import { anyText } from "../strings.ts";
import { errorAnswers } from "./errors.ts";
import * as examples from "./examples.ts";

/** Times are ISO 8601 UTC with milliseconds. */
export const timestamp = () => z.iso.datetime({ precision: 3 });

/** A time as the wire shows it. */
export const toTimestamp = (milliseconds: number) => new Date(milliseconds).toISOString();

export const mfaMethod = () => z.enum(["totp", "backup_code"], { error: 'must be "totp" or "backup_code"' });

/** A user's id in a request. Only a user that exists has one: what is no UUID is an unknown user, not a broken rule. */
export const userIdField = () => anyText().openapi({ description: "The user's id, a UUID.", example: examples.userId });

export const userSchema = z
  .object({
    userId: z.string().openapi({ description: "UUID." }),
    email: z.string(),
    firstName: z.string(),
    lastName: z.string(),
    organizationId: z
      .string()
      .optional()
      .openapi({ description: "There when the user is a member of exactly one organization." }),
    orgName: z
      .string()
      .optional()
      .openapi({ description: "There when the user is a member of exactly one organization." }),
    licenses: z
      .array(z.string())
      .optional()
      .openapi({ description: "App client ids that the user has a licence for." }),
  })
  .openapi("User", { description: "The logged-in user, from the token's claims." });

export const tokenSetSchema = z
  .object({
    accessToken: z.string().openapi({ description: "JWT, for about 15 minutes." }),
    refreshToken: z.string().openapi({ description: "For one `refresh`, which gives a new one." }),
    idToken: z.string().openapi({ description: "JWT that describes the user." }),
    expiresAt: timestamp().openapi({ description: "When the access token ends." }),
    user: userSchema,
  })
  .openapi("TokenSet", { description: "A session's tokens.", example: examples.tokenSet });

export const lockoutStatusSchema = z
  .object({
    locked: z.boolean(),
    remainingLockoutSeconds: z.int().min(0).nullable().openapi({ description: "Null when not locked." }),
    attemptsRemaining: z.int().min(0).openapi({ description: "Wrong passwords until the account locks." }),
    lockedUntil: timestamp().nullable().openapi({ description: "Null when not locked." }),
    maxAttempts: z.int().min(1),
    lockoutDurationMinutes: z.int().min(1),
  })
  .openapi("LockoutStatus", { description: "Whether an account is locked after wrong passwords or codes." });

/** Backup codes on the only occasion when they are shown. */
export const backupCodes = () =>
  z.array(z.string()).openapi({ description: "Each works once, with or without hyphens." });

/** A JSON object with the given fields; unknown ones are ignored. */
export const jsonObject = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.object(shape, { error: ({ input }) => (input === undefined ? "is required" : "must be a JSON object") });

/** The required JSON body of a request. */
export const jsonRequest = <Schema extends z.ZodType>(schema: Schema, example: z.input<Schema>) => ({
  body: { required: true, content: { "application/json": { schema, example } } },
});

/** Errors that every operation can answer. */
const commonErrors = [
  "VALIDATION_ERROR",
  "INVALID_CLIENT",
  "PAYLOAD_TOO_LARGE",
  "RATE_LIMITED",
  "INTERNAL_ERROR",
] as const satisfies ErrorCode[];

interface Success<Schema extends z.ZodType> {
  readonly description: string;
  readonly schema: Schema;
  /** For the API document; left out where the parts of the schema have examples of their own. */
  readonly example?: z.input<Schema>;
}
type Answer<Schema extends z.ZodType> = { description: string; content: { "application/json": { schema: Schema } } };

/**
 * The declared answers of an operation: 200 with the schema, and its errors besides the common ones. The errors are in the
 * object, for the response guard and the API document, but not in its type: a handler throws them, it does not return them.
 */
export function answers<Schema extends z.ZodType>(
  success: Success<Schema>,
  errors: readonly ErrorCode[],
): { 200: Answer<Schema> } {
  return { ...errorAnswers([...commonErrors, ...errors]), 200: answer(success) };
}

/** The same with 201, for operations that create what the caller can address afterwards. */
export function createdAnswers<Schema extends z.ZodType>(
  success: Success<Schema>,
  errors: readonly ErrorCode[],
): { 201: Answer<Schema> } {
  return { ...errorAnswers([...commonErrors, ...errors]), 201: answer(success) };
}

function answer<Schema extends z.ZodType>({ description, schema, example }: Success<Schema>): Answer<Schema> {
  const media = { schema, ...(example === undefined ? {} : { example }) };
  return { description, content: { "application/json": media } };
}

/** The token set as the wire shows it. */
export function toTokenSet(tokens: IssuedTokens): TokenSet {
  const { userId, email, firstName, lastName, organization, licenses } = tokens.user;
  return {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    idToken: tokens.idToken,
    expiresAt: toTimestamp(tokens.accessTokenExpiresAt),
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
    lockedUntil: view.lockedUntil === undefined ? null : toTimestamp(view.lockedUntil),
    maxAttempts: view.maxAttempts,
    lockoutDurationMinutes: Math.ceil(view.lockSeconds / 60),
  };
}
