import type { Logger } from "../../observability/log.ts";
import type { GatewayMiddleware } from "../env.ts";

/**
 * One line a request: route template, status, duration, who called. Never the path or the query as sent, a header or a body.
 *
 * @param deps.monotonicNow milliseconds on a clock that never jumps
 */
export function accessLog(deps: { readonly log: Logger; readonly monotonicNow: () => number }): GatewayMiddleware {
  const { log, monotonicNow } = deps;
  return async (c, next) => {
    const startedAt = monotonicNow();
    await next();
    const clientId = (c.get("client") ?? c.get("bearer"))?.app.id;
    const errorCode = c.get("errorCode");
    log.info(
      {
        requestId: c.get("requestId"),
        method: c.req.method,
        route: c.get("operation")?.path ?? null,
        status: c.res.status,
        durationMs: Math.round((monotonicNow() - startedAt) * 10) / 10,
        ...(clientId === undefined ? {} : { clientId }),
        ...(errorCode === undefined ? {} : { errorCode }),
        // The status is then what was made for nobody.
        ...(c.req.raw.signal.aborted ? { callerGone: true } : {}),
      },
      "request",
    );
  };
}
