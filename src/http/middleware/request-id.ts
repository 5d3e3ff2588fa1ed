import type { Random } from "../../domain/ports/random.ts";
import type { GatewayMiddleware } from "../env.ts";
import { requestIdFrom } from "../request-id.ts";
import { responseHeaders } from "../response-headers.ts";

/** Names the request, and begins the headers of its response, of which the name is one. */
export function requestId(random: Random): GatewayMiddleware {
  return async (c, next) => {
    const id = requestIdFrom(c.req.header("x-request-id"), random);
    c.set("requestId", id);
    c.set("headers", { ...responseHeaders, "X-Request-Id": id });
    await next();
  };
}
