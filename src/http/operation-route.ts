import type { RouteConfig } from "@hono/zod-openapi";

/** A route with a name; `operationId` is the file name of the operation. */
export type OperationRoute = RouteConfig & {
  readonly operationId: string;
  /** The path in the router's notation, `:id` for `{id}`. */
  getRoutingPath(): string;
};
