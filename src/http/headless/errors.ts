import { z } from "@hono/zod-openapi";
import { type AuthError, type ErrorCode, errorTable } from "../../contract/errors.ts";
import type { ErrorBody } from "../../contract/headless.ts";
import type { RenderedError } from "../respond.ts";

type DetailsKind = "issues" | "retryAfter" | "requiredActions" | "none";

/** What the error's body says besides code and message. Total: a new code does not compile until it is here. */
const detailsOf: Record<ErrorCode, DetailsKind> = {
  INVALID_CREDENTIALS: "none",
  ACCOUNT_LOCKED: "retryAfter",
  INVALID_CLIENT: "none",
  INVALID_TOKEN: "none",
  TOKEN_EXPIRED: "none",
  EMAIL_NOT_VERIFIED: "none",
  APP_NOT_LICENSED: "none",
  ACTION_REQUIRED: "requiredActions",
  MFA_INVALID_CODE: "none",
  MFA_CHALLENGE_EXPIRED: "none",
  MFA_ALREADY_ENROLLED: "none",
  MFA_NOT_ENROLLED: "none",
  VALIDATION_ERROR: "issues",
  NOT_FOUND: "none",
  METHOD_NOT_ALLOWED: "none",
  PAYLOAD_TOO_LARGE: "none",
  UNSUPPORTED_MEDIA_TYPE: "none",
  USER_NOT_FOUND: "none",
  CONFLICT: "none",
  RATE_LIMITED: "retryAfter",
  INTERNAL_ERROR: "none",
};

/** An error as this front sends it. */
export interface HeadlessError extends RenderedError {
  readonly body: ErrorBody;
}

/** The response of an error; nothing of its cause is in it. */
export function renderError(error: AuthError, requestId: string): HeadlessError {
  const { code, message, retryAfterSeconds } = error;
  const details = renderDetails(error);
  return {
    status: errorTable[code].status,
    body: { code, message, requestId, ...(details === undefined ? {} : { details }) },
    headers: retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) },
    schema: schemaOf(code),
  };
}

function renderDetails(error: AuthError): ErrorBody["details"] {
  switch (detailsOf[error.code]) {
    case "issues":
      return error.issues?.map(({ path, message }) => ({ path, message })) ?? [{ path: "", message: error.message }];
    case "retryAfter":
      return error.retryAfterSeconds === undefined ? undefined : { retryAfterSeconds: error.retryAfterSeconds };
    case "requiredActions":
      return { requiredActions: [...(error.requiredActions ?? [])] };
    case "none":
      return undefined;
  }
}

const detailsSchemas = {
  issues: { details: z.array(z.object({ path: z.string(), message: z.string() })).min(1) },
  retryAfter: { details: z.object({ retryAfterSeconds: z.int().min(1) }) },
  requiredActions: { details: z.object({ requiredActions: z.array(z.string()) }) },
  none: {},
} as const satisfies Record<DetailsKind, z.ZodRawShape>;

/** The schema of each error's body. */
const errorSchemas: ReadonlyMap<string, ErrorSchema> = new Map(
  Object.entries(detailsOf).map(([code, kind]) => {
    const common = { code: z.literal(code), message: z.string(), requestId: z.string() };
    return [code, z.object({ ...common, ...detailsSchemas[kind] }).openapi(schemaName(code))];
  }),
);

type ErrorSchema = z.ZodObject<{ code: z.ZodLiteral<string> }>;

const schemaOf = (code: ErrorCode) => errorSchemas.get(code) as ErrorSchema;

/** `InvalidClientError` for `INVALID_CLIENT`, `InternalError` for `INTERNAL_ERROR`. */
function schemaName(code: string): string {
  const words = code.toLowerCase().replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  return words.endsWith("Error") ? words : `${words}Error`;
}

/** What the API document shows of each error, by its code. */
export function errorExamples(): Record<string, { readonly summary: string; readonly value: ErrorBody }> {
  return Object.fromEntries(
    Object.entries(detailsOf).map(([code, kind]) => {
      const { message } = errorTable[code as ErrorCode];
      const value = { code, message, requestId: "req_vZ3yq0mB0m5uYpQ4X1nTfA", ...exampleDetails[kind] };
      return [code, { summary: message, value }];
    }),
  );
}

const exampleDetails: Record<DetailsKind, Pick<ErrorBody, "details">> = {
  issues: { details: [{ path: "email", message: "must be an e-mail address" }] },
  retryAfter: { details: { retryAfterSeconds: 540 } },
  requiredActions: { details: { requiredActions: ["UPDATE_PASSWORD"] } },
  none: {},
};

/** The answers of a route for the errors it may give, by status, as its route object declares them. */
export function errorAnswers(codes: readonly ErrorCode[]) {
  const byStatus = Map.groupBy(codes, (code) => errorTable[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => {
      const [first, ...others] = group.map(schemaOf) as [ErrorSchema, ...ErrorSchema[]];
      const schema = others.length === 0 ? first : z.discriminatedUnion("code", [first, ...others]);
      const examples = Object.fromEntries(group.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
      return [status, { description: group.join(", "), content: { "application/json": { schema, examples } } }];
    }),
  );
}
