import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { ListedSession } from "../../domain/sessions/session-list-service.ts";
import type { Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, timestamp, toTimestamp, userIdField } from "./schemas.ts";

const sessionSchema = z
  .object({
    id: z.string(),
    application: z.string().openapi({ description: "The app's display name." }),
    ipAddress: z.string().optional().openapi({ description: "Of the end user at the login." }),
    userAgent: z.string().optional().openapi({ description: "Of the end user at the login." }),
    createdAt: timestamp(),
    lastActiveAt: timestamp(),
  })
  .openapi("Session");

const route = createRoute({
  method: "get",
  path: `${headlessBasePath}/sessions`,
  operationId: "sessionsList",
  tags: ["Sessions"],
  summary: "List a user's sessions",
  request: { query: jsonObject({ userId: userIdField() }) },
  responses: answers(
    {
      description: "The user's sessions, those of other apps included.",
      schema: z.object({ sessions: z.array(sessionSchema) }).openapi("SessionList"),
      example: {
        sessions: [
          {
            id: examples.sessionId,
            application: "Demo app",
            ipAddress: "203.0.113.9",
            userAgent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            createdAt: "2026-03-25T02:15:00.000Z",
            lastActiveAt: "2026-03-25T02:29:31.000Z",
          },
        ],
      },
    },
    ["USER_NOT_FOUND"],
  ),
});

function toSession({ createdAt, lastActiveAt, ...session }: ListedSession): z.input<typeof sessionSchema> {
  return { ...session, createdAt: toTimestamp(createdAt), lastActiveAt: toTimestamp(lastActiveAt) };
}

export function createSessionsListOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const sessions = await services.sessionList.list(c.req.valid("query").userId);
        return respond.send(c, route, 200, { sessions: sessions.map(toSession) });
      }),
  };
}
