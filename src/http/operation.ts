import type { OpenAPIHono } from "@hono/zod-openapi";
import type { GatewayEnv } from "./env.ts";
import type { OperationRoute } from "./operation-route.ts";

export type { OperationRoute } from "./operation-route.ts";

export type GatewayApp = OpenAPIHono<GatewayEnv>;

/** One endpoint of a front, ready to be registered. */
export interface Operation {
  readonly route: OperationRoute;
  /** Who may call: an app client with its secret, or the bearer of a user's access token. */
  readonly auth: "client" | "bearer";
  /**
   * Who charges the rate limits: the service, in the same store trip as its own decision, or the front, before the handler's
   * work. What a service has not taken by the end of the request is charged then.
   */
  readonly limitsCharged: "inService" | "beforeHandler";
  /** Adds route and handler to the app. */
  mount(app: GatewayApp): void;
}
