import type { GatewayMiddleware } from "../env.ts";
import { responseHeaders as headers } from "../response-headers.ts";

/** Sets the headers of every response. */
export function responseHeaders(): GatewayMiddleware {
  const entries = Object.entries(headers);
  return async (c, next) => {
    for (const [name, value] of entries) c.header(name, value);
    await next();
  };
}
