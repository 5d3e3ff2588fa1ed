import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { token } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest } from "./schemas.ts";

const verifiedSchema = z
  .object({
    userId: z.string().openapi({ description: "UUID." }),
    email: z.string().openapi({ description: "The address that is verified now." }),
    verified: z.literal(true),
  })
  .openapi("EmailVerified");

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/email/verify-confirm`,
  operationId: "emailVerifyConfirm",
  tags: ["Accounts"],
  summary: "Verify an e-mail address with the token of the mail",
  description:
    "The token works once. Call this when the user acts on your page, not when the page is opened: scanners open links too.",
  request: jsonRequest(jsonObject({ token: token() }).openapi("EmailVerifyConfirmRequest"), {
    token: examples.opaqueToken,
  }),
  responses: answers(
    {
      description: "The address is verified.",
      schema: verifiedSchema,
      example: { userId: examples.userId, email: examples.email, verified: true },
    },
    ["UNSUPPORTED_MEDIA_TYPE", "INVALID_TOKEN"],
  ),
});

export function createEmailVerifyConfirmOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { userId, email } = await services.email.confirmVerification({
          client: c.get("client"),
          ...c.req.valid("json"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 200, { userId, email, verified: true });
      }),
  };
}
