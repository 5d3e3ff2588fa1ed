import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { token } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/logout`,
  operationId: "logout",
  tags: ["Login"],
  summary: "End the session of a refresh token",
  description: "The session ends for every app that takes part in it, and its access tokens are refused from then on.",
  request: jsonRequest(jsonObject({ refreshToken: token() }).openapi("LogoutRequest"), {
    refreshToken: examples.refreshToken,
  }),
  responses: answers({ description: "The session has ended.", schema: z.object({}), example: {} }, [
    "UNSUPPORTED_MEDIA_TYPE",
    "TOKEN_EXPIRED",
  ]),
});

export function createLogoutOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        await services.sessions.logout({ client: c.get("client"), ...c.req.valid("json") });
        return respond.send(c, route, 200, {});
      }),
  };
}
