import { OpenAPIHono } from "@hono/zod-openapi";
import { AuthError, errorTable, validationError } from "../contract/errors.ts";
import type { BearerAuthenticator } from "../domain/clients/bearer-authenticator.ts";
import type { ClientAuthenticator } from "../domain/clients/client-authenticator.ts";
import type { Random } from "../domain/ports/random.ts";
import type { RequestLimiter } from "../limits/request-limiter.ts";
import type { Logger } from "../observability/log.ts";
import type { GatewayContext, GatewayEnv } from "./env.ts";
import { toAuthError } from "./errors.ts";
import type { HeadlessDeps } from "./headless/deps.ts";
import { renderError } from "./headless/errors.ts";
import { registerHeadless } from "./headless/register.ts";
import { type HealthChecks, registerHealth } from "./health.ts";
import { frame } from "./middleware/frame.ts";
import { createApiDocument } from "./openapi/document.ts";
import { registerDocuments } from "./openapi/register.ts";
import type { GatewayApp, OperationRoute } from "./operation.ts";
import { createResponder, type ResponseGuardMode } from "./respond.ts";
import { issuesOf } from "./validation.ts";

export interface AppDeps {
  readonly log: Logger;
  readonly random: Random;
  /** Milliseconds on a clock that never jumps, such as `performance.now`. */
  readonly monotonicNow: () => number;
  /** `strict` in development and tests, `strip` in production. */
  readonly responseGuard: ResponseGuardMode;
  readonly clients: ClientAuthenticator;
  readonly bearers: BearerAuthenticator;
  readonly limiter: RequestLimiter;
  readonly services: HeadlessDeps["services"];
  readonly healthChecks: HealthChecks;
}

/** Creates the HTTP application: every front, health, and the one place where errors become responses. */
export function createApp(deps: AppDeps): GatewayApp {
  const { log, random, monotonicNow } = deps;
  const respond = createResponder({ mode: deps.responseGuard, log });
  const app: GatewayApp = new OpenAPIHono<GatewayEnv>({
    defaultHook: (result) => {
      if (!result.success) throw validationError(issuesOf(result.error));
    },
  });

  app.use(frame({ log, random, monotonicNow }));

  const health = registerHealth(app, { checks: deps.healthChecks, respond, log, monotonicNow });
  const headless = registerHeadless(app, { ...deps, respond });
  const documents = registerDocuments(app, () => createApiDocument(headless, health));
  refuseOtherMethods(app, [...health, ...headless.map(({ route }) => route), ...documents]);

  function answerError(c: GatewayContext, error: AuthError): Response {
    c.set("errorCode", error.code);
    logFault(log, c, error);
    return respond.sendError(c, renderError(error, c.get("requestId")));
  }
  // Not thrown: the framework would take what is thrown here past the frame, and the request would not be logged.
  app.notFound((c) => answerError(c, new AuthError("NOT_FOUND")));
  app.onError((thrown, c) => {
    try {
      return answerError(c, toAuthError(thrown));
    } catch (undeclared) {
      return answerError(c, toAuthError(undeclared));
    }
  });
  return app;
}

/** Answers 405 for every path that exists with another method. Registered last: the first match of a method wins. */
function refuseOtherMethods(app: GatewayApp, routes: readonly OperationRoute[]): void {
  for (const [path, siblings] of Map.groupBy(routes, (route) => route.getRoutingPath())) {
    const methods = siblings.map(({ method }) => method.toUpperCase());
    const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : [])].join(", ");
    app.all(path, (c) => {
      c.set("headers", { ...c.get("headers"), Allow: allow });
      throw new AuthError("METHOD_NOT_ALLOWED");
    });
  }
}

/** The only place where a request's error is logged. Errors without a fault behind them are the caller's, and in the access line. */
function logFault(log: Logger, c: GatewayContext, error: AuthError): void {
  const unexpected = errorTable[error.code].status >= 500;
  if (!unexpected && error.cause === undefined) return;
  const fields = {
    requestId: c.get("requestId"),
    route: c.get("operation")?.path ?? null,
    errorCode: error.code,
    err: error.cause ?? error,
  };
  // A caller that hangs up makes calls fail that would have worked.
  if (unexpected && !c.env.outgoing.destroyed) log.error(fields, "request failed");
  else log.warn(fields, "request refused");
}
