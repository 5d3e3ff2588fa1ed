import type { RequestLimiter } from "../../limits/request-limiter.ts";
import type { GatewayContext } from "../env.ts";
import type { Operation } from "../operation.ts";
import { rateLimitHeaders } from "../rate-limit-headers.ts";

/**
 * Runs what comes next, and charges the app client's and the end user's address limits exactly once.
 *
 * A service that decides in the store anyway charges them there, in one trip. Whatever ends the request before that (a broken
 * schema, malformed JSON, a wrong content type, a token that was never looked up) is charged on the way back, and when a limit
 * is used up its 429 takes the place of the refusal. So the limits stand before the schema, as the contract orders, without a
 * trip of their own.
 */
export async function underLimits(
  c: GatewayContext,
  next: () => Promise<void>,
  { limiter, charged }: { readonly limiter: RequestLimiter; readonly charged: Operation["limitsCharged"] },
): Promise<void> {
  const limits = limiter.forRequest({ clientId: c.get("client").app.id, address: c.get("endUser").ipAddress });
  c.set("limits", limits);
  if (charged === "beforeHandler") await limits.chargeRest();
  await next();
  if (charged === "beforeHandler") return;

  const succeeded = c.error === undefined;
  const shown = limits.states;
  try {
    await limits.chargeRest();
  } catch (error) {
    // What is done is done: refusing now would hide tokens that were issued.
    if (succeeded) return;
    // Unset first: the framework would carry the headers of the response that is replaced into the new one.
    c.res = undefined;
    throw error;
  }
  // The response was made before this charge.
  if (limits.states === shown) return;
  for (const [name, value] of Object.entries(rateLimitHeaders(limits.states))) c.res.headers.set(name, value);
}
