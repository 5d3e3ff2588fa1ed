import { createRoute } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { token } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers, jsonObject, jsonRequest, tokenSetSchema, toTokenSet } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/refresh`,
  operationId: "refresh",
  summary: "Exchange a refresh token for new tokens",
  request: jsonRequest(jsonObject({ refreshToken: token() }).openapi("RefreshRequest")),
  responses: answers({ description: "New tokens; the refresh token is rotated.", schema: tokenSetSchema }, [
    "UNSUPPORTED_MEDIA_TYPE",
    "TOKEN_EXPIRED",
    "APP_NOT_LICENSED",
  ]),
});

export function createRefreshOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const tokens = await services.sessions.refresh({
          client: c.get("client"),
          ...c.req.valid("json"),
          endUser: c.get("endUser"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 200, toTokenSet(tokens));
      }),
  };
}
