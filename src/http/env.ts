import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import type { ErrorCode, ValidationIssue } from "../contract/errors.ts";
import type { Bearer } from "../domain/clients/bearer-authenticator.ts";
import type { AuthenticatedClient } from "../domain/clients/client-authenticator.ts";
import type { EndUser } from "../domain/ports/identity-provider.ts";
import type { ChargeableLimits } from "../limits/request-limiter.ts";
import type { OperationRoute } from "./operation-route.ts";

/** What the middleware leaves for those that come after it. */
export interface GatewayVariables {
  requestId: string;
  /** What the response's headers will hold, whatever it is. A plain object: the framework's own way costs several times as much. */
  headers: Readonly<Record<string, string>>;
  /** The operation that serves the request; absent on framework paths. */
  operation?: OperationRoute;
  /** Always there for operations of an app client; for bearer calls only when it has sent its headers. */
  client: AuthenticatedClient;
  /** Always there for bearer calls, never else. */
  bearer: Bearer;
  endUser: EndUser;
  /** What is wrong with the caller's end-user headers. */
  endUserIssues: readonly ValidationIssue[];
  limits: ChargeableLimits;
  /** The code of the error that became the response. */
  errorCode?: ErrorCode;
}

export interface GatewayEnv {
  Bindings: HttpBindings;
  Variables: GatewayVariables;
}

export type GatewayContext = Context<GatewayEnv>;
export type GatewayMiddleware = MiddlewareHandler<GatewayEnv>;
