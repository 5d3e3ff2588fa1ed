import type { ErrorBody } from "../contract/headless.ts";

/** Every code that a {@link CalimaticAuthError} can carry. */
export const AuthErrorCode = {
  /** 401: the e-mail address or the password did not match an active account. */
  INVALID_CREDENTIALS: "INVALID_CREDENTIALS",
  /** 423: locked after too many failed attempts; see `retryAfterSeconds`. */
  ACCOUNT_LOCKED: "ACCOUNT_LOCKED",
  /** 401: the app client's id or secret is missing or not right. */
  INVALID_CLIENT: "INVALID_CLIENT",
  /** 401: an access token or a mail token is invalid, expired or revoked. */
  INVALID_TOKEN: "INVALID_TOKEN",
  /** 401: the refresh token is expired, revoked or unknown; the user has to log in again. */
  TOKEN_EXPIRED: "TOKEN_EXPIRED",
  /** 403: the password was right, the e-mail address is not verified. */
  EMAIL_NOT_VERIFIED: "EMAIL_NOT_VERIFIED",
  /** 403: the password was right, the user has no licence for this app. */
  APP_NOT_LICENSED: "APP_NOT_LICENSED",
  /** 403: the password was right, the user has to do something first; `details` names it. */
  ACTION_REQUIRED: "ACTION_REQUIRED",
  /** Never thrown: a login that needs a second factor resolves to an `MfaChallengeResponse`. */
  MFA_REQUIRED: "MFA_REQUIRED",
  /** 401: the code is wrong or was already used. */
  MFA_INVALID_CODE: "MFA_INVALID_CODE",
  /** 401: the `mfaToken` is unknown, expired or used up; the user has to log in again. */
  MFA_CHALLENGE_EXPIRED: "MFA_CHALLENGE_EXPIRED",
  /** 409: a second factor is already enrolled. */
  MFA_ALREADY_ENROLLED: "MFA_ALREADY_ENROLLED",
  /** 400: no second factor is enrolled. */
  MFA_NOT_ENROLLED: "MFA_NOT_ENROLLED",
  /** 400: the request is not valid; `details` lists the fields. Status 0 when the SDK refused to send it. */
  VALIDATION_ERROR: "VALIDATION_ERROR",
  /** 404: there is no such endpoint; most often a wrong `baseUrl`. */
  NOT_FOUND: "NOT_FOUND",
  /** 405: the endpoint does not support this method. */
  METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
  /** 413: the request body is too large. */
  PAYLOAD_TOO_LARGE: "PAYLOAD_TOO_LARGE",
  /** 415: the request body is not JSON. */
  UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
  /** 404: there is no user with this id. */
  USER_NOT_FOUND: "USER_NOT_FOUND",
  /** 409: the request conflicts with the present state. */
  CONFLICT: "CONFLICT",
  /** 429: too many requests; see `retryAfterSeconds`. */
  RATE_LIMITED: "RATE_LIMITED",
  /** 500: something went wrong behind the gateway; quote the `requestId`. */
  INTERNAL_ERROR: "INTERNAL_ERROR",
  /** Made by the SDK: no answer (status 0), or an answer that it cannot map. */
  UNKNOWN: "UNKNOWN",
} as const;

/** A code of {@link AuthErrorCode}. */
export type AuthErrorCodeValue = (typeof AuthErrorCode)[keyof typeof AuthErrorCode];

/**
 * What an error says besides its code: the fields for `VALIDATION_ERROR`, the required actions for `ACTION_REQUIRED`, the
 * waiting time for `ACCOUNT_LOCKED` and `RATE_LIMITED`.
 */
export type AuthErrorDetails = NonNullable<ErrorBody["details"]>;

/** What a {@link CalimaticAuthError} is made of. */
export interface CalimaticAuthErrorInit {
  status: number;
  code: AuthErrorCodeValue;
  message: string;
  requestId?: string | undefined;
  retryAfterSeconds?: number | undefined;
  details?: AuthErrorDetails | undefined;
  cause?: unknown;
}

// In the registry of symbols, so that `instanceof` holds across the copies of this class that an application can end up
// with: the ESM and the CommonJS build, or the package under two names.
const brand: unique symbol = Symbol.for("headgate-sdk/CalimaticAuthError");

/** Every failure of a call, except an abort by the caller's own signal. Never holds a credential. */
export class CalimaticAuthError extends Error {
  override readonly name = "CalimaticAuthError";
  /** HTTP status of the answer; 0 when there was no complete answer. */
  readonly status: number;
  readonly code: AuthErrorCodeValue;
  /** The gateway's id of the request, for its logs. */
  readonly requestId: string | undefined;
  /** Whole seconds after which a retry may succeed. */
  readonly retryAfterSeconds: number | undefined;
  readonly details: AuthErrorDetails | undefined;

  static {
    Object.defineProperty(CalimaticAuthError.prototype, brand, { value: true });
  }

  constructor(init: CalimaticAuthErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.status = init.status;
    this.code = init.code;
    this.requestId = init.requestId;
    this.retryAfterSeconds = init.retryAfterSeconds;
    this.details = init.details;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: subclasses inherit this method and must match their own instances only.
    if (this !== CalimaticAuthError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && brand in value;
  }
}
