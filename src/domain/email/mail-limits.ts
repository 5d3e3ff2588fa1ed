import { foldEmail } from "../lockout/account-name.ts";
import type { Bucket } from "../ports/admission.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { RequestLimits } from "../ports/request-limits.ts";

/**
 * How many mails of a kind can be asked for per address, so that nobody's mailbox can be flooded: at once, and per window after
 * that. Addresses count whether an account is behind them or not. Signups count as well: they cost password hashing, and
 * those that hide existing accounts send a mail each.
 */
const mailRates = {
  "verify-email": { limit: 5, windowSeconds: 3600 },
  "reset-password": { limit: 5, windowSeconds: 3600 },
  signup: { limit: 20, windowSeconds: 3600 },
} as const;

/** The bucket of an address for one kind of mail. */
export function mailBucket(
  limits: RequestLimits,
  hash: KeyedHash,
  kind: keyof typeof mailRates,
  email: string,
): Bucket {
  // An account's policy like that of logins, so that no header shows it; another subject, so that mails block no login.
  return { ...limits.account(hash(`mail-${kind}`, foldEmail(email))), ...mailRates[kind] };
}
