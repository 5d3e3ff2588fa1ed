import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { password, token } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/password/reset-confirm`,
  operationId: "passwordResetConfirm",
  tags: ["Passwords"],
  summary: "Set a new password with the token of the mail",
  description:
    "Ends all of the user's sessions, clears the lockout and sends a mail; the second factor stays on. The token works once, " +
    "but a password that breaks the policy does not use it up.",
  request: jsonRequest(jsonObject({ token: token(), newPassword: password() }).openapi("PasswordResetConfirmRequest"), {
    token: examples.opaqueToken,
    newPassword: examples.password,
  }),
  responses: answers({ description: "The new password is in force.", schema: z.object({}), example: {} }, [
    "UNSUPPORTED_MEDIA_TYPE",
    "INVALID_TOKEN",
  ]),
});

export function createPasswordResetConfirmOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        await services.password.confirmReset({
          client: c.get("client"),
          ...c.req.valid("json"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 200, {});
      }),
  };
}
