import type { Admission, Bucket } from "../ports/admission.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import { refusalError } from "./attempt-runner.ts";

/**
 * Charges the limits of a request, with further buckets in the same round trip, for work that enters no gate.
 *
 * @throws AuthError RATE_LIMITED
 */
export async function chargeLimits(
  admission: Pick<Admission, "charge">,
  limits: RequestLimits,
  ...more: readonly Bucket[]
): Promise<void> {
  const buckets = [...limits.take(), ...more];
  if (buckets.length === 0) return;
  const charge = await admission.charge(buckets);
  limits.report(charge.buckets);
  if (charge.kind === "limited") throw refusalError(charge);
}
