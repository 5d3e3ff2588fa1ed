import { ResponseBodyError } from "openid-client";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type {
  ExchangeOutcome,
  FactorOutcome,
  PasswordOutcome,
  RefreshOutcome,
} from "../../domain/ports/identity-provider.ts";

/**
 * Everything that is known of Keycloak's error texts. Decisions rest on `error` and `error_description`, never on the
 * status: the same refusal is a 401 up to Keycloak 26.5 and a 400 since.
 */

/** An OAuth error of an endpoint. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly description: string;
}

const mfaRequired = "mfa_required";
const unservedFactors = new Set(["mfa_required_webauthn", "mfa_required_recovery_codes"]);
const clientErrors = new Set(["invalid_client", "unauthorized_client"]);
const clientDescriptions = new Set([
  "Invalid client or Invalid client credentials",
  "Client authentication failed.",
  "Invalid client credentials",
]);

/** The OAuth error that openid-client found in an answer; undefined for everything that says nothing of the credentials. */
export function refusalIn(cause: unknown): Refusal | undefined {
  if (!(cause instanceof ResponseBodyError) || cause.status === 429) return undefined;
  return { status: cause.status, error: cause.error, description: cause.error_description ?? "" };
}

/** The app client's id and secret do not belong together. Other `unauthorized_client` answers are faults of the realm. */
export function isClientRefusal(refusal: Refusal): boolean {
  return clientErrors.has(refusal.error) && clientDescriptions.has(refusal.description);
}

/** Undefined: the refusal says nothing of the credentials. */
export function passwordRefusal(refusal: Refusal): PasswordOutcome | undefined {
  if (isClientRefusal(refusal)) return { kind: "clientRejected" };
  if (refusal.error === mfaRequired) return { kind: "mfaRequired" };
  // The second factor is one that only Keycloak's own pages can check: the user has to set up a TOTP to log in here.
  if (unservedFactors.has(refusal.error)) return { kind: "accountIncomplete", requiredActions: ["CONFIGURE_TOTP"] };
  return accountRefusal(refusal);
}

/** Undefined: the refusal says nothing of the code. */
export function factorRefusal(refusal: Refusal): FactorOutcome | undefined {
  return accountRefusal(refusal);
}

function accountRefusal({ error, description }: Refusal) {
  if (error !== "invalid_grant") return undefined;
  switch (description) {
    case "Invalid user credentials":
      return { kind: "rejected" } as const;
    case "Account disabled":
      return { kind: "disabled" } as const;
    case "Account is not fully set up":
      return { kind: "accountIncomplete" } as const;
    default:
      return undefined;
  }
}

/** Undefined: the refusal says nothing of the subject token. */
export function exchangeRefusal(refusal: Refusal): ExchangeOutcome | undefined {
  if (isClientRefusal(refusal)) return { kind: "clientRejected" };
  if (refusal.error === "invalid_request" && refusal.description === "Invalid token") return { kind: "rejected" };
  return undefined;
}

/**
 * For refresh and logout every `invalid_grant` is about the refresh token.
 *
 * @see RFC 6749, section 5.2
 */
export function refreshTokenRefusal(refusal: Refusal): Exclude<RefreshOutcome, { kind: "tokens" }> | undefined {
  if (isClientRefusal(refusal)) return { kind: "clientRejected" };
  if (refusal.error === "invalid_grant") return { kind: "rejected" };
  return undefined;
}

/** The fault behind an answer that nobody asked for. What Keycloak said is kept in the cause, for the log alone. */
export function unexpectedRefusal(endpoint: string, refusal: Refusal): UpstreamUnavailable {
  const said = `${refusal.error} ${refusal.description}`.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
  return new UpstreamUnavailable(
    `Keycloak's ${endpoint} endpoint answered ${refusal.status} with an unexpected error`,
    "noVerdict",
    new Error(said),
  );
}

/**
 * The fault behind an answer that openid-client could not use. The library's error is not kept as the cause: it holds the
 * answer, tokens included.
 */
export function unusableAnswer(endpoint: string, cause: unknown): UpstreamUnavailable {
  for (let error = cause; error instanceof Error; error = error.cause)
    if (error instanceof UpstreamUnavailable) return error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  const reason = typeof code === "string" ? code : cause instanceof Error ? cause.name : "unknown";
  return new UpstreamUnavailable(`Keycloak's ${endpoint} endpoint gave no usable answer (${reason})`, "noVerdict");
}
