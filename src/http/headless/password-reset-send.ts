import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { email } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/password/reset-send`,
  operationId: "passwordResetSend",
  tags: ["Passwords"],
  summary: "Send the mail for a new password",
  description:
    "The answer is the same, and takes the same time, whether or not there is such an account. The link leads to the app's own " +
    "page with `?token=`, is good for 30 minutes, and replaces the link of an earlier mail.",
  request: jsonRequest(jsonObject({ email: email() }).openapi("PasswordResetSendRequest"), { email: examples.email }),
  responses: answers({ description: "The request is taken.", schema: z.object({}), example: {} }, [
    "UNSUPPORTED_MEDIA_TYPE",
  ]),
});

export function createPasswordResetSendOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        await services.password.requestReset({
          client: c.get("client"),
          ...c.req.valid("json"),
          limits: c.get("limits"),
        });
        return respond.send(c, route, 200, {});
      }),
  };
}
