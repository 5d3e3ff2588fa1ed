import { ResponseBodyError } from "openid-client";
import type { ValidationIssue } from "../../contract/errors.ts";
import { type UpstreamFate, UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type {
  ExchangeOutcome,
  FactorOutcome,
  PasswordOutcome,
  RefreshOutcome,
} from "../../domain/ports/identity-provider.ts";
import type { AdminChange } from "./admin-change.ts";
import type { HttpAnswer } from "./exchange.ts";
import { fieldsOf, text } from "./json.ts";

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
/** @see RFC 6749, sections 4.1.2.1 and 5.2 */
const errorsWithoutVerdict = new Set([
  "invalid_client",
  "unauthorized_client",
  "invalid_request",
  "invalid_scope",
  "unsupported_grant_type",
  "server_error",
  "temporarily_unavailable",
]);
const clientErrors = new Set(["invalid_client", "unauthorized_client"]);
const clientDescriptions = new Set([
  "Invalid client or Invalid client credentials",
  "Client authentication failed.",
  "Invalid client credentials",
]);

/** The OAuth error of an answer; undefined for everything that says nothing of the credentials. */
export function refusalOf(status: number, body: Readonly<Record<string, unknown>>): Refusal | undefined {
  const error = text(body["error"]);
  if (status < 400 || status >= 500 || status === 429 || error === "") return undefined;
  return { status, error, description: text(body["error_description"]) };
}

/** The same of an answer that openid-client has read. */
export function refusalIn(cause: unknown): Refusal | undefined {
  if (!(cause instanceof ResponseBodyError)) return undefined;
  const { status, error, error_description } = cause;
  return refusalOf(status, { error, error_description });
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

/** Undefined: the refusal says nothing of the factor. */
export function factorRefusal(refusal: Refusal): FactorOutcome | undefined {
  // The realm mints for no administrator.
  if (refusal.error === "not_mintable") return { kind: "rejected" };
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

/** The bearer token is not good: expired, revoked, of an ended session or a disabled user, or without the scope `openid`. */
export function isTokenRefusal(answer: HttpAnswer): boolean {
  // The body is empty. @see RFC 6750, section 3
  const [, error] = /(?:^Bearer|,)\s*error="([a-z_]+)"/i.exec(answer.header("www-authenticate")) ?? [];
  return (
    (answer.status === 401 && error === "invalid_token") || (answer.status === 403 && error === "insufficient_scope")
  );
}

type Refused = Extract<AdminChange, { kind: "refused" }>;

/** The address, or the user name that is made of it, is taken. */
export function isDuplicateUser({ status, body }: Refused): boolean {
  return status === 409 && text(fieldsOf(body)["errorMessage"]).startsWith("User exists with same ");
}

const counted = (number: string, noun: string) => `${number} ${noun}${number === "1" ? "" : "s"}`;

/** The rules of a password policy by Keycloak's message keys, without and with the rule's number. */
const passwordRules: Readonly<Record<string, [plain: string, numbered?: (number: string) => string]>> = {
  MinLength: ["is too short", (n) => `must have at least ${counted(n, "character")}`],
  MaxLength: ["is too long", (n) => `must have at most ${counted(n, "character")}`],
  MinUpperCaseChars: [
    "must contain upper-case letters",
    (n) => `must contain at least ${counted(n, "upper-case letter")}`,
  ],
  MinLowerCaseChars: [
    "must contain lower-case letters",
    (n) => `must contain at least ${counted(n, "lower-case letter")}`,
  ],
  MinDigits: ["must contain digits", (n) => `must contain at least ${counted(n, "digit")}`],
  MinSpecialChars: [
    "must contain special characters",
    (n) => `must contain at least ${counted(n, "special character")}`,
  ],
  NotUsername: ["must not be the user name"],
  NotContainsUsername: ["must not contain the user name"],
  NotEmail: ["must not be the e-mail address"],
  RegexPattern: ["must match the pattern of the password policy"],
  History: ["must not be one of the last passwords", (n) => `must not be one of the last ${counted(n, "password")}`],
  Blacklisted: ["must not be on the list of common passwords"],
};

/**
 * The one rule that a password broke; undefined when the refusal is about something else. Only the number is taken from
 * Keycloak's text, which may be in any language and hold anything.
 */
export function passwordIssues({ status, body }: Refused): readonly ValidationIssue[] | undefined {
  const { error, error_description } = fieldsOf(body);
  const [, key] = /^invalidPassword(\w+?)(?:Message)?$/.exec(text(error)) ?? [];
  if (status !== 400 || key === undefined) return undefined;
  const [plain, numbered] = (Object.hasOwn(passwordRules, key) && passwordRules[key]) || [
    "must meet the password policy",
  ];
  // 1000 is written as 1,000 or 1.000, a sentence ends with a full stop.
  const number = /\d+(?:[^\da-z]\d{3})*/i.exec(text(error_description))?.[0].replace(/\D/g, "");
  return [{ path: "password", message: number && numbered ? numbered(number) : plain }];
}

/** The fields of a new user, by Keycloak's names. The user name is made of the address. */
const profileFields = new Map([
  ["email", "email"],
  ["username", "email"],
  ["firstName", "firstName"],
  ["lastName", "lastName"],
]);

export const invalidName = "holds characters that a name cannot have";

const profileRules = new Map([
  ["error-invalid-email", "must be an e-mail address"],
  ["error-non-ascii-local-part-email", "must have only ASCII characters before the @"],
  ["error-invalid-length", "has the wrong length"],
  ["error-invalid-length-too-short", "is too short"],
  ["error-invalid-length-too-long", "is too long"],
  ["error-person-name-invalid-character", invalidName],
  ["error-username-invalid-character", "holds characters that are not allowed"],
  ["error-user-attribute-required", "must not be blank"],
]);

/**
 * The rules of the user profile that a new user broke, one a field; undefined when the refusal is about something else,
 * such as an attribute that the realm asks for and signup knows nothing of.
 */
export function profileIssues({ status, body }: Refused): readonly ValidationIssue[] | undefined {
  const { errors = [body] } = fieldsOf(body);
  if (status !== 400 || !Array.isArray(errors)) return undefined;
  const issues = new Map<string, string>();
  for (const { field, errorMessage } of errors.map(fieldsOf)) {
    const path = profileFields.get(text(field));
    if (path === undefined) return undefined;
    // What is said of the address itself is worth more than what is said of the name made of it.
    if (field === path || !issues.has(path))
      issues.set(path, profileRules.get(text(errorMessage)) ?? "is not accepted");
  }
  return issues.size > 0 ? Array.from(issues, ([path, message]) => ({ path, message })) : undefined;
}

/** Text of Keycloak, for the log alone. */
function quoted(...said: string[]): Error {
  return new Error(
    said
      .join(" ")
      .replace(/[^\x20-\x7e]/g, "?")
      .slice(0, 200),
  );
}

/** The fault behind a change that should have been possible. Of what Keycloak said only the message keys are kept. */
export function unexpectedChange(what: string, change: Exclude<AdminChange, { kind: "done" }>): UpstreamUnavailable {
  if (change.kind === "missing") return new UpstreamUnavailable(`Keycloak has no place for ${what}`, "noVerdict");
  const { error, errorMessage, field } = fieldsOf(change.body);
  return new UpstreamUnavailable(
    `Keycloak refused ${what} with ${change.status}`,
    "noVerdict",
    quoted(text(error), text(errorMessage), text(field)),
  );
}

/** The fault behind an answer of an endpoint that says neither yes nor no. */
export function unexpectedAnswer(endpoint: string, answer: HttpAnswer): UpstreamUnavailable {
  return new UpstreamUnavailable(`Keycloak's ${endpoint} endpoint answered ${answer.status}`, "noVerdict");
}

/** The fault behind an answer that nobody asked for. What Keycloak said is kept in the cause, for the log alone. */
export function unexpectedRefusal(
  endpoint: string,
  refusal: Refusal,
  fate: UpstreamFate = "noVerdict",
): UpstreamUnavailable {
  return new UpstreamUnavailable(
    `Keycloak's ${endpoint} endpoint answered ${refusal.status} with an unexpected error`,
    fate,
    quoted(refusal.error, refusal.description),
  );
}

/**
 * What an unknown refusal of a grant leaves open. Errors of the request or of the server say nothing about the credentials;
 * anything else may be a verdict in words that are not known here, and then a guess must stay counted.
 */
export function fateOfUnknownRefusal({ status, error }: Refusal): UpstreamFate {
  // A realm that is missing, while Keycloak starts for example, is a 404.
  const ofTheServer = status >= 500 || status === 404;
  return ofTheServer || errorsWithoutVerdict.has(error) ? "noVerdict" : "unknown";
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
