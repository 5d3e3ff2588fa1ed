import { refusalError } from "../lockout/attempt-runner.ts";
import type { Admission, Bucket } from "../ports/admission.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { RequestLimits } from "../ports/request-limits.ts";

/**
 * How many mails of a kind can be asked for per address, so that nobody's mailbox can be flooded: at once, and per window after
 * that. Addresses count whether an account is behind them or not. Signups count as well: they cost password hashing, and
 * those that hide existing accounts send a mail each.
 */
const mailRates = {
  "verify-email": { limit: 10, windowSeconds: 3600 },
  "reset-password": { limit: 10, windowSeconds: 3600 },
  signup: { limit: 20, windowSeconds: 3600 },
} as const;

/** The bucket of an address for one kind of mail. */
export function mailBucket(
  limits: RequestLimits,
  hash: KeyedHash,
  kind: keyof typeof mailRates,
  email: string,
): Bucket {
  // By the address as accounts are looked up for mails, exactly. By its fold, whoever writes look-alikes of an address would
  // use up its mails, which go to none of them.
  const address = email.trim().toLowerCase();
  // An account's policy like that of logins, so that no header shows it; another subject, so that mails block no login.
  return { ...limits.account(hash(`mail-${kind}`, address)), ...mailRates[kind] };
}

/**
 * Charges a request for a mail. False when its address has had its share: the caller answers as ever and sends nothing, since
 * the answer to such a request is the same in every case.
 *
 * @throws AuthError RATE_LIMITED, for the limits of the client and of the end user's address
 */
export async function mayMail(
  admission: Pick<Admission, "charge">,
  limits: RequestLimits,
  bucket: Bucket,
): Promise<boolean> {
  const own = limits.take();
  const charge = await admission.charge([...own, bucket]);
  const overdrawn = charge.kind === "limited" && charge.policy === bucket.policy;
  // A refused charge took nothing: what is owed for the request itself is charged alone.
  const final = overdrawn ? await admission.charge(own) : charge;
  limits.report(final.buckets);
  if (final.kind === "limited") throw refusalError(final);
  return !overdrawn;
}
