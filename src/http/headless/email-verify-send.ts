import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { email } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/email/verify-send`,
  operationId: "emailVerifySend",
  tags: ["Accounts"],
  summary: "Send the verification mail",
  description:
    "The answer is the same, and takes the same time, whether or not there is an account to be verified. The link leads to the " +
    "app's own page with `?token=`, is good for 24 hours, and replaces the link of an earlier mail.",
  request: jsonRequest(jsonObject({ email: email() }).openapi("EmailVerifySendRequest"), { email: examples.email }),
  responses: answers({ description: "The request is taken.", schema: z.object({}), example: {} }, [
    "UNSUPPORTED_MEDIA_TYPE",
  ]),
});

export function createEmailVerifySendOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        await services.email.requestVerification({
          client: c.get("client"),
          ...c.req.valid("json"),
          limits: c.get("limits"),
        });
        return respond.send(c, route, 200, {});
      }),
  };
}
