import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers, mfaMethod } from "./schemas.ts";

const mfaStatusSchema = z
  .object({
    enabled: z.boolean(),
    methods: z.array(mfaMethod()).openapi({ description: "What `mfa/verify` takes; empty when not enabled." }),
    backupCodesRemaining: z.int().min(0),
  })
  .openapi("MfaStatus");

const route = createRoute({
  method: "get",
  path: `${headlessBasePath}/mfa/status`,
  operationId: "mfaStatus",
  tags: ["Second factor"],
  summary: "See whether the user has a second factor",
  responses: answers(
    {
      description: "The user's second factor.",
      schema: mfaStatusSchema,
      example: { enabled: true, methods: ["totp", "backup_code"], backupCodesRemaining: 9 },
    },
    ["INVALID_TOKEN"],
  ),
});

export function createMfaStatusOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "bearer",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { enabled, methods, backupCodesRemaining } = await services.enrolment.status(c.get("bearer"));
        return respond.send(c, route, 200, { enabled, methods: [...methods], backupCodesRemaining });
      }),
  };
}
