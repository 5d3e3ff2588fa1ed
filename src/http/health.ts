import { createRoute, z } from "@hono/zod-openapi";
import type { Logger } from "../observability/log.ts";
import { markOperation } from "./middleware/mark-operation.ts";
import type { GatewayApp, OperationRoute } from "./operation.ts";
import { createReadiness, type ReadinessCheck } from "./readiness.ts";
import type { Responder } from "./respond.ts";

/** The parts whose state `/readyz` tells. */
export interface HealthChecks {
  readonly keycloak: ReadinessCheck;
  readonly store: ReadinessCheck;
  /** Never decides: logins work without it, and mails wait in the outbox. */
  readonly mail: ReadinessCheck;
}

const livezRoute = createRoute({
  method: "get",
  path: "/livez",
  operationId: "livez",
  summary: "Whether the process answers",
  responses: {
    200: {
      description: "It does.",
      content: { "application/json": { schema: z.object({ status: z.literal("ok") }) } },
    },
  },
});

const upOrDown = z.object({ status: z.enum(["up", "down"]) });
const parts = z.object({
  keycloak: upOrDown,
  store: upOrDown,
  mail: upOrDown,
});

const readyzRoute = createRoute({
  method: "get",
  path: "/readyz",
  operationId: "readyz",
  summary: "Whether logins work: Keycloak and the store can be reached",
  responses: {
    200: {
      description: "They do.",
      content: { "application/json": { schema: z.object({ status: z.literal("ready"), parts }) } },
    },
    503: {
      description: "Keycloak or the store cannot be reached.",
      content: { "application/json": { schema: z.object({ status: z.literal("unavailable"), parts }) } },
    },
  },
});

/** Adds `/livez` and `/readyz`, and returns their routes. Neither needs credentials; neither tells more than up or down. */
export function registerHealth(
  app: GatewayApp,
  deps: {
    readonly checks: HealthChecks;
    readonly respond: Responder;
    readonly log: Logger;
    readonly monotonicNow: () => number;
  },
): readonly OperationRoute[] {
  const { checks, respond, log, monotonicNow } = deps;
  const { keycloak, store, mail } = checks;
  const readiness = createReadiness({ checks: { keycloak, store, mail }, log, monotonicNow });

  app.on([livezRoute.method], [livezRoute.path], markOperation(livezRoute));
  app.openapi(livezRoute, (c) => respond.send(c, livezRoute, 200, { status: "ok" }));

  app.on([readyzRoute.method], [readyzRoute.path], markOperation(readyzRoute));
  app.openapi(readyzRoute, async (c) => {
    const up = await readiness();
    const status = (part: keyof HealthChecks) => ({
      status: up.get(part) === true ? ("up" as const) : ("down" as const),
    });
    const parts = { keycloak: status("keycloak"), store: status("store"), mail: status("mail") };
    return parts.keycloak.status === "up" && parts.store.status === "up"
      ? respond.send(c, readyzRoute, 200, { status: "ready", parts })
      : respond.send(c, readyzRoute, 503, { status: "unavailable", parts });
  });
  return [livezRoute, readyzRoute];
}
