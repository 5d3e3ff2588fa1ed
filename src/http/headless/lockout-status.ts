import { createRoute } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, lockoutStatusSchema, toLockoutStatus, userIdField } from "./schemas.ts";

const route = createRoute({
  method: "get",
  path: `${headlessBasePath}/security/lockout-status`,
  operationId: "lockoutStatus",
  tags: ["Security"],
  summary: "See whether an account is locked",
  request: { query: jsonObject({ userId: userIdField() }) },
  responses: answers(
    { description: "The account's lockout.", schema: lockoutStatusSchema, example: examples.lockoutStatus },
    ["USER_NOT_FOUND"],
  ),
});

export function createLockoutStatusOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const view = await services.lockout.status(c.req.valid("query").userId);
        return respond.send(c, route, 200, toLockoutStatus(view));
      }),
  };
}
