import type { GatewayContext } from "./env.ts";

/**
 * A header of this API's own. One that is sent twice arrives as one joined value. Straight from Node's parser: of the headers
 * that Node knows itself it would drop the second value instead.
 */
export function ownHeader(c: GatewayContext, name: `x-${string}`): string | undefined {
  const value = c.env.incoming.headers[name];
  return typeof value === "string" ? value : undefined;
}
