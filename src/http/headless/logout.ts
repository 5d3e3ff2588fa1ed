import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { token } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers, jsonObject, jsonRequest } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/logout`,
  operationId: "logout",
  summary: "End the session of a refresh token",
  request: jsonRequest(jsonObject({ refreshToken: token() }).openapi("LogoutRequest")),
  responses: answers({ description: "The session has ended, for every app in it.", schema: z.object({}) }, [
    "UNSUPPORTED_MEDIA_TYPE",
    "TOKEN_EXPIRED",
  ]),
});

export function createLogoutOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        await services.sessions.logout({ client: c.get("client"), ...c.req.valid("json") });
        return respond.send(c, route, 200, {});
      }),
  };
}
