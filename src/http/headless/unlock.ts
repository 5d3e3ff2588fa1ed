import { createRoute } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest, lockoutStatusSchema, toLockoutStatus, userIdField } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/security/unlock`,
  operationId: "unlock",
  tags: ["Security"],
  summary: "Clear an account's failed attempts and its lock",
  description: "Keycloak's own count is cleared as well.",
  request: jsonRequest(jsonObject({ userId: userIdField() }).openapi("UnlockRequest"), { userId: examples.userId }),
  responses: answers(
    {
      description: "The account's lockout afterwards.",
      schema: lockoutStatusSchema,
      example: {
        ...examples.lockoutStatus,
        locked: false,
        remainingLockoutSeconds: null,
        attemptsRemaining: 5,
        lockedUntil: null,
      },
    },
    ["UNSUPPORTED_MEDIA_TYPE", "USER_NOT_FOUND"],
  ),
});

export function createUnlockOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const view = await services.lockout.unlock(c.req.valid("json").userId);
        return respond.send(c, route, 200, toLockoutStatus(view));
      }),
  };
}
