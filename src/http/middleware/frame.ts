import type { Random } from "../../domain/ports/random.ts";
import type { Logger } from "../../observability/log.ts";
import type { GatewayMiddleware } from "../env.ts";
import { ownHeader } from "../own-header.ts";
import { requestIdFrom } from "../request-id.ts";
import { responseHeaders } from "../response-headers.ts";

/**
 * What is around every request: its name, with which the headers of its response begin, and one line in the log when it is
 * answered. The line holds the route's template, status, duration and who called; never the path or the query as sent, a header
 * or a body.
 *
 * @param deps.monotonicNow milliseconds on a clock that never jumps
 */
export function frame(deps: {
  readonly log: Logger;
  readonly random: Random;
  readonly monotonicNow: () => number;
}): GatewayMiddleware {
  const { log, random, monotonicNow } = deps;
  return async (c, next) => {
    const startedAt = monotonicNow();
    const requestId = requestIdFrom(ownHeader(c, "x-request-id"), random);
    c.set("requestId", requestId);
    c.set("headers", { ...responseHeaders, "X-Request-Id": requestId });
    await next();
    const clientId = (c.get("client") ?? c.get("bearer"))?.app.id;
    const errorCode = c.get("errorCode");
    log.info(
      {
        requestId,
        method: c.req.method,
        route: c.get("operation")?.path ?? null,
        status: c.res.status,
        durationMs: Math.round((monotonicNow() - startedAt) * 10) / 10,
        ...(clientId === undefined ? {} : { clientId }),
        ...(errorCode === undefined ? {} : { errorCode }),
        // The status is then what was made for nobody.
        ...(c.env.outgoing.destroyed ? { callerGone: true } : {}),
      },
      "request",
    );
  };
}
