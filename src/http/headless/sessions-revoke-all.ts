import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers, jsonObject, userIdField } from "./schemas.ts";

const route = createRoute({
  method: "delete",
  path: `${headlessBasePath}/sessions`,
  operationId: "sessionsRevokeAll",
  tags: ["Sessions"],
  summary: "End all of a user's sessions",
  request: { query: jsonObject({ userId: userIdField() }) },
  responses: answers(
    {
      description: "How many have ended.",
      schema: z.object({ revoked: z.int().min(0) }).openapi("SessionsRevoked"),
      example: { revoked: 2 },
    },
    ["USER_NOT_FOUND"],
  ),
});

export function createSessionsRevokeAllOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { revoked } = await services.sessionList.revokeAll(c.req.valid("query").userId);
        return respond.send(c, route, 200, { revoked });
      }),
  };
}
