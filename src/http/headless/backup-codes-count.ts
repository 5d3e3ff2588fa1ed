import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers } from "./schemas.ts";

const countSchema = z
  .object({
    remaining: z.int().min(0),
    total: z.int().min(0).openapi({ description: "How many were given out; 0 when there were never any." }),
  })
  .openapi("BackupCodesCount");

const route = createRoute({
  method: "get",
  path: `${headlessBasePath}/mfa/backup-codes`,
  operationId: "backupCodesCount",
  tags: ["Second factor"],
  summary: "Count the backup codes that are left",
  responses: answers(
    { description: "The codes are never shown again.", schema: countSchema, example: { remaining: 9, total: 10 } },
    ["INVALID_TOKEN", "MFA_NOT_ENROLLED"],
  ),
});

export function createBackupCodesCountOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "bearer",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const count = await services.enrolment.countBackupCodes(c.get("bearer"));
        return respond.send(c, route, 200, count);
      }),
  };
}
