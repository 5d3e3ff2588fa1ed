/**
 * Every error code a caller of Headgate can see, with its HTTP status and default message.
 *
 * The table is the single source: the domain throws {@link AuthError} with one of these codes, each front renders the
 * code, and the SDK exports the same names.
 */
export const errorTable = {
  INVALID_CREDENTIALS: { status: 401, message: "The e-mail address or the password is not right." },
  ACCOUNT_LOCKED: { status: 423, message: "The account is locked after too many failed attempts. Try again later." },
  INVALID_CLIENT: { status: 401, message: "The app client's id or secret is missing or not right." },
  INVALID_TOKEN: { status: 401, message: "The token is invalid, expired or revoked." },
  TOKEN_EXPIRED: { status: 401, message: "The refresh token is expired, revoked or unknown. Log in again." },
  EMAIL_NOT_VERIFIED: { status: 403, message: "The e-mail address is not verified yet." },
  APP_NOT_LICENSED: { status: 403, message: "The user has no licence for this app." },
  ACTION_REQUIRED: { status: 403, message: "The account needs an action of the user before it can log in." },
  MFA_INVALID_CODE: { status: 401, message: "The code is wrong or was already used." },
  MFA_CHALLENGE_EXPIRED: { status: 401, message: "The MFA challenge is unknown, expired or used up. Log in again." },
  MFA_ALREADY_ENROLLED: { status: 409, message: "A second factor is already enrolled." },
  MFA_NOT_ENROLLED: { status: 400, message: "No second factor is enrolled." },
  VALIDATION_ERROR: { status: 400, message: "The request is not valid." },
  NOT_FOUND: { status: 404, message: "There is no such endpoint." },
  METHOD_NOT_ALLOWED: { status: 405, message: "The endpoint does not support this method." },
  PAYLOAD_TOO_LARGE: { status: 413, message: "The request body is too large." },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    message: "The request body must be sent with Content-Type: application/json.",
  },
  USER_NOT_FOUND: { status: 404, message: "There is no user with this id." },
  CONFLICT: { status: 409, message: "The request conflicts with the present state." },
  RATE_LIMITED: { status: 429, message: "Too many requests. Try again later." },
  INTERNAL_ERROR: { status: 500, message: "Something went wrong. Quote the request id when you report it." },
} as const;

/** A code of the error table. */
export type ErrorCode = keyof typeof errorTable;

/** One broken rule of a request: `path` is the field's path with dots, empty for the body as a whole. */
export interface ValidationIssue {
  readonly path: string;
  readonly message: string;
}

/** What an error may carry besides its code. */
export interface AuthErrorOptions {
  /** Replaces the table's message. Never holds text of an upstream server. */
  readonly message?: string;
  /** Whole seconds, at least 1; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** For VALIDATION_ERROR. */
  readonly issues?: readonly ValidationIssue[];
  /** For ACTION_REQUIRED: Keycloak's names, such as `UPDATE_PASSWORD`. */
  readonly requiredActions?: readonly string[];
  /** The fault behind it; logged, never sent. */
  readonly cause?: unknown;
}

/** The only error that the domain throws on purpose. Everything else becomes INTERNAL_ERROR. */
export class AuthError extends Error {
  override readonly name = "AuthError";
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | undefined;
  readonly issues: readonly ValidationIssue[] | undefined;
  readonly requiredActions: readonly string[] | undefined;

  constructor(code: ErrorCode, options: AuthErrorOptions = {}) {
    const { stackTraceLimit } = Error;
    // Where a refusal comes from is in its code. Writing down its stack would be the dearest part of a flood of them.
    if (errorTable[code].status < 500) Error.stackTraceLimit = 0;
    super(options.message ?? errorTable[code].message, options.cause === undefined ? {} : { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.issues = options.issues;
    this.requiredActions = options.requiredActions;
  }
}

/** The error of a request that broke a rule: it says which field and which rule, never the value. */
export function validationError(issues: readonly ValidationIssue[], cause?: unknown): AuthError {
  const [first = { path: "", message: "is not valid" }] = issues;
  return new AuthError("VALIDATION_ERROR", {
    message: `${first.path === "" ? "body" : first.path}: ${first.message}`,
    issues,
    ...(cause === undefined ? {} : { cause }),
  });
}
