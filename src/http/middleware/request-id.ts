import type { Random } from "../../domain/ports/random.ts";
import type { GatewayMiddleware } from "../env.ts";
import { requestIdFrom } from "../request-id.ts";

/** Names the request, in the response too. */
export function requestId(random: Random): GatewayMiddleware {
  return async (c, next) => {
    const id = requestIdFrom(c.req.header("x-request-id"), random);
    c.set("requestId", id);
    c.header("X-Request-Id", id);
    await next();
  };
}
