import { createRoute } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { token } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest, tokenSetSchema, toTokenSet } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/refresh`,
  operationId: "refresh",
  tags: ["Login"],
  summary: "Exchange a refresh token for new tokens",
  description:
    "The refresh token is rotated. Sending one again within 10 seconds gives the same new tokens, so that a lost answer can be " +
    "asked for again; later it ends the session.",
  request: jsonRequest(jsonObject({ refreshToken: token() }).openapi("RefreshRequest"), {
    refreshToken: examples.refreshToken,
  }),
  responses: answers({ description: "New tokens.", schema: tokenSetSchema, example: examples.tokenSet }, [
    "UNSUPPORTED_MEDIA_TYPE",
    "TOKEN_EXPIRED",
    "APP_NOT_LICENSED",
  ]),
});

export function createRefreshOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
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
