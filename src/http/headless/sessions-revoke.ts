import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { anyText } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, userIdField } from "./schemas.ts";

const route = createRoute({
  method: "delete",
  path: `${headlessBasePath}/sessions/{id}`,
  operationId: "sessionsRevoke",
  tags: ["Sessions"],
  summary: "End one of a user's sessions",
  description: "A session that is unknown, has ended, or is another user's: all three are a `CONFLICT`.",
  request: {
    params: jsonObject({
      id: anyText().openapi({ description: "The session's id, from the list.", example: examples.sessionId }),
    }),
    query: jsonObject({ userId: userIdField() }),
  },
  responses: answers({ description: "The session has ended.", schema: z.object({}), example: {} }, [
    "USER_NOT_FOUND",
    "CONFLICT",
  ]),
});

export function createSessionsRevokeOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        await services.sessionList.revoke(c.req.valid("query").userId, c.req.valid("param").id);
        return respond.send(c, route, 200, {});
      }),
  };
}
