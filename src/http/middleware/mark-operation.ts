import type { GatewayMiddleware } from "../env.ts";
import type { OperationRoute } from "../operation.ts";

/** Notes which operation serves the request, for the log and the response guard. */
export function markOperation(route: OperationRoute): GatewayMiddleware {
  return async (c, next) => {
    c.set("operation", route);
    await next();
  };
}
