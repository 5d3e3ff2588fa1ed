import { createRoute } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { anyText } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers, jsonObject, jsonRequest, lockoutStatusSchema, toLockoutStatus } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/security/unlock`,
  operationId: "unlock",
  summary: "Clear an account's failed attempts and its lock",
  request: jsonRequest(jsonObject({ userId: anyText() }).openapi("UnlockRequest")),
  responses: answers({ description: "The account's lockout afterwards.", schema: lockoutStatusSchema }, [
    "UNSUPPORTED_MEDIA_TYPE",
    "USER_NOT_FOUND",
  ]),
});

export function createUnlockOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const view = await services.lockout.unlock(c.req.valid("json").userId);
        return respond.send(c, route, 200, toLockoutStatus(view));
      }),
  };
}
